# SPDX-License-Identifier: Apache-2.0
"""What the exporter costs: memory, and the time of a scrape.

Run it with ``python -m laboratory.exporter_load``. It feeds an exporter with
recorded notifications of many nodes, scrapes it, and exits with 1 when a
promise is broken.
"""

import argparse
from collections.abc import Sequence
import os
import pathlib
import statistics
import sys
import tempfile
import time

from ironic_async_events.tests.samples import recordings
from laboratory import errors
from laboratory import processes
from laboratory import prometheus

#: With 10,000 nodes.
MOST_MEGABYTES = 200
MOST_SECONDS = 1.0
_SCRAPES = 10
_AT_MOST = 600.0
_TOTAL = 'ironic_node_notifications_total'


def measure(
    directory: pathlib.Path, nodes: int, notifications: int
) -> tuple[float, float, float, int]:
    """Feed an exporter, and scrape it.

    :returns: memory in MB, median and longest scrape in seconds, and the
        bytes of a scrape.
    """
    pipe = directory / 'notifications'
    os.mkfifo(pipe)
    exporter = prometheus.Exporter(directory, ['--file', str(pipe)])
    # A writer, so that the exporter can open the pipe and does not end.
    keeper = os.open(pipe, os.O_RDWR)
    try:
        with exporter, open(pipe, 'w', encoding='utf-8') as stream:
            recordings.write(stream, notifications, nodes, seed=1)
            stream.flush()
            exporter.running[0].require(
                lambda: sum(exporter.read(_TOTAL).values()) == notifications,
                _AT_MOST,
                'take all notifications',
            )
            seconds = []
            for _ in range(_SCRAPES):
                began = time.monotonic()
                size = len(prometheus.get(exporter.url).content)
                seconds.append(time.monotonic() - began)
            (memory,) = exporter.read('process_resident_memory_bytes').values()
            known = sum(exporter.read('ironic_nodes').values())
    finally:
        os.close(keeper)
    if known != nodes:
        raise errors.LaboratoryError(f'{known:.0f} of {nodes} nodes are known')
    return memory / 1e6, statistics.median(seconds), max(seconds), size


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--nodes', type=int, default=10000)
    parser.add_argument('--notifications', type=int, default=200000)
    parsed = parser.parse_args(arguments)
    processes.end_on_sigterm()
    try:
        with tempfile.TemporaryDirectory(prefix='lab-') as directory:
            memory, median, longest, size = measure(
                pathlib.Path(directory), parsed.nodes, parsed.notifications
            )
    except errors.LaboratoryError as error:
        print(f'exporter_load: {error}', file=sys.stderr)
        return 2
    print(
        f'{parsed.nodes} nodes, {parsed.notifications} notifications: '
        f'{memory:.0f} MB resident; a scrape of {size / 1e6:.1f} MB takes '
        f'{median:.2f} s (median of {_SCRAPES}), {longest:.2f} s at most'
    )
    return int(memory > MOST_MEGABYTES or longest > MOST_SECONDS)


if __name__ == '__main__':
    sys.exit(main())
