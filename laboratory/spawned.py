# SPDX-License-Identifier: Apache-2.0
"""Run ``ironic`` with its worker process spawned instead of forked.

oslo.service does so where it cannot fork: a fresh interpreter unpickles the
conductor's manager first and parses the configuration afterwards.
"""

import functools
import sys

# The spawned interpreter imports this module as well, as it would import the
# script ``ironic``: this chooses the backend of the service first.
from ironic.command import singleprocess
from ironic.common import service

if __name__ == '__main__':
    service.process_launcher = functools.partial(
        service.process_launcher, start_method='spawn'
    )
    sys.exit(singleprocess.main())
