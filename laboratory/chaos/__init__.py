# SPDX-License-Identifier: Apache-2.0
"""What must hold when services die, are stopped, or lose each other."""
