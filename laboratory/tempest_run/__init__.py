# SPDX-License-Identifier: Apache-2.0
"""Tempest against keystone and Ironic: stock, with the plugin, or patched.

Run it with ``python -m laboratory.tempest_run``, by a Python
that has Ironic beside it. Keystone and tempest live in virtual environments of
their own, which are made at the first run.
"""
