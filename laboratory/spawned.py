# SPDX-License-Identifier: Apache-2.0
"""Run ``ironic`` with its worker process spawned instead of forked.

Ironic 39.0.0 leaves the choice to oslo.service, which forks where it can.
Ironic is prepared for the other way, which oslo.service takes where it
cannot: a fresh interpreter unpickles the conductor's manager first and
parses the configuration afterwards.
"""

import functools
import sys

# The spawned interpreter imports this module as well, as it would import the
# script ``ironic``: this chooses the backend of the service first.
from ironic.command import singleprocess
from ironic.common import service


def main() -> None:
    """Run the all-in-one service; the arguments are its own."""
    service.process_launcher = functools.partial(
        service.process_launcher, start_method='spawn'
    )
    singleprocess.main()


if __name__ == '__main__':
    sys.exit(main())
