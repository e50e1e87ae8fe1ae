# SPDX-License-Identifier: Apache-2.0
"""Delivery that survives: notifications go through Ironic's database.

A transition and its notification are stored in one transaction; a relay
publishes what was stored, in order, and deletes what the bus has confirmed.
"""
