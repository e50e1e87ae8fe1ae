# SPDX-License-Identifier: Apache-2.0
"""The heart: a node changes its state when a worker runs."""
