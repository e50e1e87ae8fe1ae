# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus on loopback, and the exporter that it scrapes."""

from collections.abc import Sequence
import pathlib
import sys
from typing import Any

import requests

from laboratory import api
from laboratory import database
from laboratory import processes

CONTRIB = pathlib.Path(__file__).parents[1] / 'contrib' / 'prometheus'


class Exporter(processes.Server):
    """A running ``ironic-async-events exporter``; a context manager."""

    def __init__(
        self, directory: pathlib.Path, arguments: Sequence[str]
    ) -> None:
        super().__init__(directory)
        self.port = processes.free_port()
        self._arguments = list(arguments)

    @property
    def url(self) -> str:
        return f'http://127.0.0.1:{self.port}/metrics'

    def serve(self) -> None:
        program = self.process(
            'exporter',
            *(sys.executable, '-m', 'ironic_async_events.command'),
            *('exporter', '--listen', f'127.0.0.1:{self.port}'),
            *self._arguments,
        )
        self.launch(program, lambda: api.answers(self.url), 'serve metrics')

    def read(self, name: str) -> dict[tuple[str, ...], float]:
        """Scrape a metric: labels, in the order of their names -> value."""
        from prometheus_client import parser

        return {
            _key(sample.labels): sample.value
            for family in parser.text_string_to_metric_families(
                api.get(self.url).text
            )
            for sample in family.samples
            if sample.name == name
        }


_CONFIGURATION = f"""
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{CONTRIB}/alerts.yaml]
scrape_configs:
- job_name: ironic
  static_configs:
  - targets: ['127.0.0.1:%d']
"""


class Prometheus(processes.Server):
    """Scrapes an exporter every second, with the alerts of ``contrib``."""

    def __init__(self, directory: pathlib.Path, exporter: int) -> None:
        super().__init__(directory)
        self.port = processes.free_port()
        self._exporter = exporter

    def serve(self) -> None:
        configuration = self.directory / 'prometheus.yml'
        configuration.write_text(_CONFIGURATION % self._exporter)
        program = self.process(
            'prometheus',
            database.program('prometheus', 'prometheus'),
            f'--config.file={configuration}',
            f'--storage.tsdb.path={self.directory / "tsdb"}',
            f'--web.listen-address=127.0.0.1:{self.port}',
        )
        self.launch(program, self._scrapes, 'scrape')

    def _scrapes(self) -> bool:
        try:
            return self.query('up') == {(): 1}
        except requests.ConnectionError:
            return False

    def ask(self, path: str, **parameters: str) -> Any:
        """Ask the API; None while there are no data."""
        answer = api.get(
            f'http://127.0.0.1:{self.port}/api/v1/{path}', **parameters
        )
        return answer.json()['data'] if answer.ok else None

    def query(self, expression: str) -> dict[tuple[str, ...], float]:
        data = self.ask('query', query=expression) or {'result': ()}
        return {
            _key(one['metric']): float(one['value'][1])
            for one in data['result']
        }


def _key(labels: dict[str, str]) -> tuple[str, ...]:
    return tuple(
        labels[name]
        for name in sorted(labels)
        if name not in ('__name__', 'instance', 'job')
    )
