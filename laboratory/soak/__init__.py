# SPDX-License-Identifier: Apache-2.0
"""An hour of faults under load, and the account of every notification."""
