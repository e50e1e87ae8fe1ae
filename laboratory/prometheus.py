# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus on loopback, and the exporter that it scrapes."""

from collections.abc import Sequence
import json
import pathlib
import sys
from typing import Any

import requests

from laboratory import database
from laboratory import processes

_START_SECONDS = 60.0
_PACKAGE = 'prometheus'
CONTRIB = pathlib.Path(__file__).parents[1] / 'contrib' / 'prometheus'


def queries() -> list[str]:
    """Return the queries of the dashboard, each for the last minute."""
    dashboard = json.loads((CONTRIB / 'dashboard.json').read_text())
    return [
        target['expr'].replace('$__rate_interval', '1m')
        for panel in dashboard['panels']
        for target in panel['targets']
    ]


def get(url: str, **parameters: str) -> requests.Response:
    """Send a request to a server on loopback, which needs no proxy."""
    with requests.Session() as session:
        session.trust_env = False
        return session.get(url, params=parameters, timeout=30)


class Exporter(processes.Server):
    """A running ``ironic-async-events exporter``; a context manager."""

    def __init__(
        self, directory: pathlib.Path, arguments: Sequence[str]
    ) -> None:
        super().__init__()
        self.port = processes.free_port()
        self._directory = directory
        self._arguments = list(arguments)

    @property
    def url(self) -> str:
        """Where the metrics are."""
        return f'http://127.0.0.1:{self.port}/metrics'

    def serve(self) -> None:
        """Start it, and wait until it listens and serves."""
        program = processes.Process(
            'exporter',
            [
                *(sys.executable, '-m', 'ironic_async_events.command'),
                *('exporter', '--listen', f'127.0.0.1:{self.port}'),
                *self._arguments,
            ],
            self._directory / 'exporter.log',
        )
        self.running.append(program.start())
        program.require(self.answers, _START_SECONDS, 'serve metrics')

    def answers(self) -> bool:
        """Tell whether metrics are served."""
        try:
            return get(self.url).ok
        except requests.ConnectionError:
            return False

    def read(self, name: str) -> dict[tuple[str, ...], float]:
        """Scrape a metric.

        :returns: the values of the labels, in the order of their names ->
            the value.
        """
        from prometheus_client import parser

        return {
            _key(sample.labels): sample.value
            for family in parser.text_string_to_metric_families(
                get(self.url).text
            )
            for sample in family.samples
            if sample.name == name
        }


class Prometheus(processes.Server):
    """Scrapes exporters every second, with the alert rules of ``contrib``."""

    def __init__(self, directory: pathlib.Path, ports: Sequence[int]) -> None:
        super().__init__()
        self.port = processes.free_port()
        self._directory = directory
        self._ports = list(ports)

    def serve(self) -> None:
        """Start it, and wait until it has scraped."""
        configuration = self._directory / 'prometheus.yml'
        # JSON is YAML.
        configuration.write_text(
            json.dumps(
                {
                    'global': {
                        'scrape_interval': '1s',
                        'evaluation_interval': '1s',
                    },
                    'rule_files': [str(CONTRIB / 'alerts.yaml')],
                    'scrape_configs': [
                        {
                            'job_name': 'ironic',
                            'static_configs': [
                                {
                                    'targets': [
                                        f'127.0.0.1:{port}'
                                        for port in self._ports
                                    ]
                                }
                            ],
                        }
                    ],
                }
            ),
            encoding='utf-8',
        )
        program = processes.Process(
            'prometheus',
            [
                database.program('prometheus', _PACKAGE),
                f'--config.file={configuration}',
                f'--storage.tsdb.path={self._directory / "tsdb"}',
                f'--web.listen-address=127.0.0.1:{self.port}',
            ],
            self._directory / 'prometheus.log',
        )
        self.running.append(program.start())
        program.require(
            lambda: self._up() == len(self._ports), _START_SECONDS, 'scrape'
        )

    def _up(self) -> int:
        try:
            return int(sum(self.query('up').values()))
        except requests.ConnectionError:
            return 0

    def ask(self, path: str, **parameters: str) -> Any:
        """Ask the API.

        :returns: the data of the answer; None while there is none.
        """
        answer = get(
            f'http://127.0.0.1:{self.port}/api/v1/{path}', **parameters
        )
        return answer.json()['data'] if answer.ok else None

    def query(self, expression: str) -> dict[tuple[str, ...], float]:
        """Evaluate an expression now."""
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
