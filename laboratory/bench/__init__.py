# SPDX-License-Identifier: Apache-2.0
"""Measure stock Ironic, the plugin and the outbox side by side."""
