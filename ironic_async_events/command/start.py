# SPDX-License-Identifier: Apache-2.0
"""The beginning of ``ironic-async-events``, which needs no library itself."""

import sys


def main() -> int:
    """Run the program, or say which extra is missing.

    :returns: the exit code
    """
    try:
        from ironic_async_events.command import main as program
    except ModuleNotFoundError as e:
        print(
            f'ironic-async-events: {e.name} is missing; install what the '
            "commands need: pip install 'ironic-async-events[audit]'",
            file=sys.stderr,
        )
        return 2
    return program.main()
