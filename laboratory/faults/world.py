# SPDX-License-Identifier: Apache-2.0
"""What is installed in the conductor."""

import enum


class World(enum.Enum):
    """What is installed; the values are those of the command line."""

    STOCK = 'stock'
    PLUGIN = 'without'
    OUTBOX = 'with'
