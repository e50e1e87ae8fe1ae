# SPDX-License-Identifier: Apache-2.0
"""Recordings of notifications, made up or made, for tests and pictures."""
