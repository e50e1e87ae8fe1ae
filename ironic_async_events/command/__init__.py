# SPDX-License-Identifier: Apache-2.0
"""Command-line tools for operators. No conductor needs them."""
