# SPDX-License-Identifier: Apache-2.0
"""What each commit of the series does, in their order in ``series.NAMES``."""
