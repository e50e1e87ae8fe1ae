# SPDX-License-Identifier: Apache-2.0
"""Serve metrics to Prometheus; needs ``prometheus_client``."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
import contextlib
import math

import prometheus_client
from prometheus_client import core
from prometheus_client import registry

from ironic_async_events.audit import operations
from ironic_async_events.command import metrics

Read = Callable[[], Iterable[metrics.Reading]]


class Collector(registry.Collector):
    """Reads the metrics at each scrape. Called by the threads of the server.

    :param read: returns the metrics; called by any thread.
    """

    def __init__(self, read: Read) -> None:
        self._read = read

    def collect(self) -> Iterator[core.Metric]:
        """Yield the metrics as the library has them."""
        for family, values in self._read():
            yield _metric(family, values)


def _metric(family: metrics.Family, values: metrics.Values) -> core.Metric:
    """Return a metric of the library."""
    if family.kind == 'histogram':
        durations = core.HistogramMetricFamily(
            family.name, family.help, labels=family.labels
        )
        for labels, value in values.items():
            if isinstance(value, operations.Histogram):
                durations.add_metric(
                    labels,
                    [
                        (
                            '+Inf' if math.isinf(bound) else str(float(bound)),
                            count,
                        )
                        for bound, count in value.buckets()
                    ],
                    value.sum,
                )
        return durations
    kind = (
        core.CounterMetricFamily
        if family.kind == 'counter'
        else core.GaugeMetricFamily
    )
    plain = kind(family.name, family.help, labels=family.labels)
    for labels, value in values.items():
        if not isinstance(value, operations.Histogram):
            plain.add_metric(labels, value)
    return plain


@contextlib.contextmanager
def serve(read: Read, host: str, port: int) -> Iterator[None]:
    """Serve the metrics until the block ends.

    :param read: as for :class:`Collector`.
    :param host: the address to listen on.
    :param port: the port to listen on.
    :raises OSError: when the server cannot listen there.
    """
    collectors = prometheus_client.CollectorRegistry()
    collectors.register(Collector(read))
    prometheus_client.ProcessCollector(registry=collectors)
    server, thread = prometheus_client.start_http_server(
        port, host, collectors
    )
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
