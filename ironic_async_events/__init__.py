# SPDX-License-Identifier: Apache-2.0
"""Ordered, lossless provision-state events for Ironic."""
