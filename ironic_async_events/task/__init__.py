# SPDX-License-Identifier: Apache-2.0
"""The task manager: a worker saves and announces the state of its node."""
