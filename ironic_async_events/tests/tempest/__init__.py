# SPDX-License-Identifier: Apache-2.0
"""A tempest plugin: what Ironic's own one does not do.

It needs ironic-tempest-plugin beside it, whose client it uses.
"""
