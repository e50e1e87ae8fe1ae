# SPDX-License-Identifier: Apache-2.0
"""Where the recording driver writes, and how to read it back."""

import json
import os
from typing import Any

VARIABLE = 'ASYNC_EVENTS_RECORDING'
"""The environment variable that names the file to append to."""


def read(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Give back what was recorded, in the order of emission.

    :param path: the file that :data:`VARIABLE` named.
    :returns: one dictionary per notification; none if there is no file.
    """
    try:
        with open(path, encoding='utf-8') as recording:
            return [json.loads(line) for line in recording if line.strip()]
    except FileNotFoundError:
        return []
