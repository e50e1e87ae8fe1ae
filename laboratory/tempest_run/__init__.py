# SPDX-License-Identifier: Apache-2.0
"""Tempest against keystone and Ironic: stock, with the plugin, or patched.

Keystone and tempest live in virtual environments of their own, which are made
at the first run.
"""
