# SPDX-License-Identifier: Apache-2.0
"""Thousands of nodes whose agents send heartbeats while others live on."""
