# SPDX-License-Identifier: Apache-2.0
"""Run the program where no script was installed."""

import sys

from ironic_async_events.command import main

if __name__ == '__main__':
    sys.exit(main.main())
