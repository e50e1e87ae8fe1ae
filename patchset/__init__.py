# SPDX-License-Identifier: Apache-2.0
"""Writes the proposal into a source tree of Ironic, as a series of commits."""
