# SPDX-License-Identifier: Apache-2.0
"""The real relay under a simulated clock, database and bus."""
