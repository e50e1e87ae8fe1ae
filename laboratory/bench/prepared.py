# SPDX-License-Identifier: Apache-2.0
"""Read the configuration as ``ironic-api`` does, and print how long it took.

It is the part of the start in which the notification drivers are loaded, the
plugin's among them; the rest of ``ironic-api`` does not know of the plugin.
"""

import json
import sys
import time

from ironic.command import api  # noqa: F401  # chooses the service's backend
from ironic.common import service


def main() -> None:
    """Do it; the arguments are those of ``ironic-api``."""
    began, cpu = time.perf_counter(), time.process_time()
    service.prepare_service('ironic_api', sys.argv)
    took = {
        'seconds': time.perf_counter() - began,
        'cpu': time.process_time() - cpu,
    }
    print(json.dumps(took))


if __name__ == '__main__':
    main()
