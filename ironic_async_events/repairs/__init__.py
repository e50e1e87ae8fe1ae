# SPDX-License-Identifier: Apache-2.0
"""Repairs of Ironic that stand by themselves."""
