# SPDX-License-Identifier: Apache-2.0
"""Draw the dashboard's main panels from a real run, for the documentation.

An Ironic whose operations take some seconds each, RabbitMQ, the exporter and a
real Prometheus; the queries are those of the dashboard.
"""

from collections.abc import Mapping
from collections.abc import Sequence
import contextlib
import json
import pathlib
import sys
import time
from typing import Any

from laboratory import clients
from laboratory import command
from laboratory import deployment
from laboratory import prometheus
from laboratory import tables

_PANELS = (
    'Nodes by provision state',
    'Operations that ended',
    'Duration of operations that succeeded',
    'Notifications',
)
_WINDOW = '20s'
_STEP = 5
_DELAYS = {
    f'{name}_delay': '1,8'
    for name in ('bios', 'deploy', 'inspect', 'rescue', 'vendor')
}
_UNITS = {'s': 'seconds', 'ops': 'per second', 'short': 'number'}
#: Of a line: its name, and when it had which value.
Line = tuple[str, Mapping[int, float]]


def record() -> dict[str, list[Line]]:
    """Lead eight nodes through a life each, and ask Prometheus."""
    wanted = deployment.Run(
        plugin=True, rabbitmq=True, options={'fake': _DELAYS}
    )
    with deployment.started(wanted) as bench, contextlib.ExitStack() as stack:
        directory, url = bench.ironic.directory, bench.ironic.endpoint
        transport = str(bench.ironic.options['DEFAULT']['transport_url'])
        exporter = prometheus.Exporter(
            directory, ['--transport-url', transport, '--ironic-url', url]
        )
        stack.enter_context(exporter)
        server = prometheus.Prometheus(directory, exporter.port)
        stack.enter_context(server)
        began = int(time.time())
        clients.drive(url, 8, 1, wanted.operations)
        time.sleep(2 * _STEP)
        # Of two targets the last one: p95, not p50.
        return {
            panel['title']: _lines(server, panel['targets'][-1], began)
            for panel in _panels()
        }


def _panels() -> list[dict[str, Any]]:
    path = prometheus.CONTRIB / 'dashboard.json'
    dashboard = json.loads(path.read_text())
    panels = {one['title']: one for one in dashboard['panels']}
    return [panels[title] for title in _PANELS]


def _lines(
    server: prometheus.Prometheus, target: Mapping[str, str], began: int
) -> list[Line]:
    """Evaluate a query of the dashboard for the whole run."""
    found = server.ask(
        'query_range',
        query=target['expr'].replace('$__rate_interval', _WINDOW),
        start=str(began),
        end=str(int(time.time())),
        step=str(_STEP),
    )
    lines = []
    for one in found['result']:
        name = target['legendFormat']
        for label, value in one['metric'].items():
            name = name.replace('{{' + label + '}}', value)
        values = {int(at) - began: float(value) for at, value in one['values']}
        # A line has a gap where there is no number.
        if any(value > 0 for value in values.values()):
            lines.append((name, values))
    return lines


def draw(found: Mapping[str, Sequence[Line]], path: pathlib.Path) -> None:
    with tables.picture(path, 7, 2, 2) as places:
        for axes, panel in zip(places, _panels(), strict=True):
            _draw(axes, panel, found[panel['title']])


def _draw(axes: Any, panel: Mapping[str, Any], lines: Sequence[Line]) -> None:
    import matplotlib

    defaults = panel['fieldConfig']['defaults']
    # Twenty colours: there are more states than a palette of ten has.
    axes.set_prop_cycle(color=matplotlib.colormaps['tab20'].colors)
    times = sorted({when for _name, values in lines for when in values})
    if 'stacking' in defaults['custom']:
        axes.stackplot(
            times,
            [[values.get(when, 0) for when in times] for _, values in lines],
            labels=[name for name, _values in lines],
            linewidth=0,
        )
    else:
        for name, values in lines:
            axes.plot(*zip(*values.items(), strict=True), label=name, lw=1)
    axes.set_title(panel['title'], loc='left')
    axes.set(ylabel=_UNITS[defaults['unit']], xlabel='seconds')
    axes.set_ylim(bottom=0)
    axes.margins(x=0)
    axes.legend(
        frameon=False, fontsize=5.5, loc='upper left', bbox_to_anchor=(1, 1)
    )


def main() -> int:
    parser = command.parser('dashboard_picture', __doc__)
    parser.add_argument('output', type=pathlib.Path)
    output = parser.parse_args().output
    return command.run('dashboard_picture', lambda: draw(record(), output))


if __name__ == '__main__':
    sys.exit(main())
