# SPDX-License-Identifier: Apache-2.0
"""Run ``ironic-conductor`` so that its log tells where a worker has failed.

Ironic keeps that to itself: of an error that ends a worker, only the text is
noted down, in the node.
"""

import concurrent.futures
import logging
import sys
from typing import Any

import tenacity

LOG = logging.getLogger('laboratory')


def tell() -> None:
    """Log each exception that ends a future, with its traceback."""
    keep = concurrent.futures.Future.set_exception

    def set_exception(self: Any, error: BaseException | None) -> None:
        # Each attempt of a retry is a future of tenacity's.
        if error is not None and not isinstance(self, tenacity.Future):
            LOG.error('A worker failed', exc_info=error)
        keep(self, error)

    concurrent.futures.Future.set_exception = set_exception  # type: ignore[method-assign]


# Not only where it is the main program: a service may start itself anew.
tell()

if __name__ == '__main__':
    from ironic.command import conductor

    sys.exit(conductor.main())
