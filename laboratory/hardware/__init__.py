# SPDX-License-Identifier: Apache-2.0
"""Nodes of driver ``redfish``, whose ramdisks answer as agents do."""
