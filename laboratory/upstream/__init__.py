# SPDX-License-Identifier: Apache-2.0
"""Ironic's own unit tests, run with the plugin active in every process."""
