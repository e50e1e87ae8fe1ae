# SPDX-License-Identifier: Apache-2.0
"""Start ``ironic-async-events``, as a script or with ``python -m``.

This module needs no library, so it can name a missing library.
"""

import sys


def main() -> int:
    """Run the program, or name the missing library; return the exit code."""
    try:
        from ironic_async_events.command import app
    except ModuleNotFoundError as e:
        print(
            f'ironic-async-events: {e.name} is missing; install what the '
            'commands need (the extra "audit"): pip install cliff matplotlib '
            'rich',
            file=sys.stderr,
        )
        return 2
    return app.main()


if __name__ == '__main__':
    sys.exit(main())
