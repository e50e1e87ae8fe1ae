# SPDX-License-Identifier: Apache-2.0
"""The exporter as Prometheus and its operator meet it."""

import argparse
import json
import os
import subprocess
import sys
from unittest import mock
import urllib.request

import fixtures
from oslotest import base
import requests
import testtools

from ironic_async_events.command import backlog
from ironic_async_events.command import exporter
from ironic_async_events.command import metrics
from ironic_async_events.command import sources
from ironic_async_events.outbox import stored
from ironic_async_events.tests.samples import recordings
from ironic_async_events.tests.unit.command import test_commands

STEPS = test_commands.STEPS

try:
    import prometheus_client
    from prometheus_client import parser
except ImportError:
    prometheus_client = None

#: It comes with the extra exporter.
needs_client = testtools.skipUnless(
    prometheus_client, 'prometheus_client is not installed'
)

# None is what makes Python say that there is no such module.
_WITHOUT_CLIENT = """
import sys
sys.modules['prometheus_client'] = None
from ironic_async_events.command import __main__ as start
sys.exit(start.main())
"""


def scraped(url):
    """Scrape metrics.

    :returns: name of a sample -> values of its labels, sorted -> its value.
    """
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=30) as answer:
        text = answer.read().decode()
    found = {}
    for family in parser.text_string_to_metric_families(text):
        for sample in family.samples:
            labels = tuple(
                value for _name, value in sorted(sample.labels.items())
            )
            found.setdefault(sample.name, {})[labels] = sample.value
    return found


@needs_client
class ServeTest(base.BaseTestCase):
    def scrape(self, *figures):
        """Serve metrics on any free port, and scrape them once."""
        server = prometheus_client.start_http_server
        ports = []

        def start(port, host, collectors):
            started = server(port, host, collectors)
            ports.append(started[0].server_port)
            return started

        self.useFixture(
            fixtures.MonkeyPatch('prometheus_client.start_http_server', start)
        )
        collectors = prometheus_client.CollectorRegistry()
        for each in figures:
            collectors.register(each)
        with exporter.serve(collectors, '127.0.0.1', 0):
            return scraped(f'http://127.0.0.1:{ports[0]}/metrics')

    def test_every_metric_is_served_under_its_name(self):
        figures = metrics.Metrics()
        figures.take(recordings.observations(STEPS))
        found = self.scrape(figures)
        for family in metrics.FAMILIES:
            name = family.name + '_count' * (family is metrics.DURATION)
            self.assertIn(name, found)
        self.assertEqual({('available',): 1}, found['ironic_nodes'])
        count = found['ironic_node_operation_duration_seconds_count']
        self.assertEqual(1, count['inspect', 'done'])
        buckets = found['ironic_node_operation_duration_seconds_bucket']
        self.assertEqual(1, buckets['inspect', '1.0', 'done'])
        self.assertEqual(1, buckets['inspect', '+Inf', 'done'])
        self.assertEqual(
            3,
            found['ironic_node_notifications_total']['provision_set', 'start'],
        )
        self.assertEqual(
            0, found['ironic_node_notification_violations_total']['lost',]
        )
        # Nobody asks when a time series began.
        self.assertEqual([], [x for x in found if x.endswith('_created')])

    def test_the_outbox_is_served_beside(self):
        outbox = backlog.Backlog(
            lambda: stored.Backlog(7, 1.5, 2), lambda: 900.0
        )
        before = self.scrape(outbox, metrics.Metrics())
        name = 'ironic_async_events_outbox_last_read_timestamp_seconds'
        self.assertEqual({(): 0.0}, before[name])
        self.assertNotIn(backlog.WAITING.name, before)
        outbox.look()
        after = self.scrape(outbox, metrics.Metrics())
        self.assertEqual(
            [7, 1.5, 2, 900.0],
            [after[family.name][()] for family in backlog.FAMILIES],
        )


@needs_client
class ProgramTest(test_commands.CommandTestCase):
    def test_what_came_first_is_known_before_it_is_served(self):
        serve = exporter.serve
        served = []

        def look(collectors, host, port):
            labels = {'provision_state': 'available'}
            nodes = collectors.get_sample_value('ironic_nodes', labels)
            memory = collectors.get_sample_value(
                'process_resident_memory_bytes'
            )
            served.append((host, port, nodes, memory > 0))
            return serve(collectors, host, 0)

        self.useFixture(fixtures.MockPatchObject(exporter, 'serve', look))
        code, out, err = self.run_program('exporter', '--file', self.write())
        self.assertEqual((0, '', ''), (code, out, err))
        self.assertEqual([('127.0.0.1', 9878, 1, True)], served)

    def test_what_is_wrong_is_one_clear_line(self):
        path = self.write()
        bad = os.path.join(self.directory, 'bad.conf')
        with open(bad, 'w') as stream:
            stream.write('nonsense s3cret\n')
        for arguments, expected in (
            ([], 'nothing to read: give'),
            (['--file', path, '--config-file', bad], 'cannot be read'),
            (['--file', path, '--listen', '192.0.2.1:1'], 'see --listen'),
            (
                ['--file', path, '--ironic-url', 'http://127.0.0.1:1'],
                'cannot read the nodes from http://127.0.0.1:1',
            ),
            (
                ['--file', path, '--ironic-url', 'http://u:s3c@127.0.0.1:1'],
                'cannot read the nodes from http://127.0.0.1:1',
            ),
            (
                ['--file', path, '--ironic-url', 'http://u:1/s3c@127.0.0.1:1'],
                '--ironic-url must be like',
            ),
            (
                ['--transport-url', 'rabbit://u:s3c/r@127.0.0.1:1'],
                'no bus to listen to',
            ),
            (
                ['--file', path, '--os-cloud', 'nowhere'],
                'cannot read the nodes from the cloud nowhere',
            ),
        ):
            code, out, err = self.run_program('exporter', *arguments)
            self.assertEqual((2, ''), (code, out))
            self.assertIn(expected, err)
            self.assertEqual(1, err.count('\n'), err)
            self.assertNotIn('s3c', err)

    def test_without_its_extra_it_names_the_extra(self):
        done = subprocess.run(
            [
                *(sys.executable, '-W', 'ignore', '-c', _WITHOUT_CLIENT),
                *('exporter', '--file', self.write()),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(2, done.returncode)
        self.assertEqual(
            'prometheus_client is missing; install ironic-async-events with '
            'its extra "exporter"\n',
            done.stderr,
        )


class AddressTest(base.BaseTestCase):
    def test_an_address_has_a_port(self):
        for text, expected in (
            ('127.0.0.1:9878', ('127.0.0.1', 9878)),
            ('[::1]:9878', ('::1', 9878)),
            (':9878', ('', 9878)),
        ):
            self.assertEqual(expected, exporter._address(text))
        for text in ('host', 'host:', 'host:x', 'host:65536'):
            self.assertRaises(
                argparse.ArgumentTypeError, exporter._address, text
            )


@needs_client
class BacklogTest(base.BaseTestCase):
    def test_a_database_that_is_away_leaves_no_old_figures(self):
        answers = [stored.Backlog(7, 1.5, 2), None]
        times = iter((100.0, 200.0))

        def read():
            answer = answers.pop(0)
            if answer is None:
                raise OSError('gone')
            return answer

        outbox = backlog.Backlog(read, lambda: next(times))
        outbox.look()
        self.assertEqual(4, len(list(outbox.collect())))
        outbox.look()
        # The time tells for how long nothing was read.
        (metric,) = outbox.collect()
        self.assertEqual(backlog.READ_AT.name, metric.name)
        self.assertEqual([100.0], [x.value for x in metric.samples])

    def test_the_driver_line_decides(self):
        path = os.path.join(self.useFixture(fixtures.TempDir()).path, 'x.conf')
        for drivers, expected in (
            ([], False),
            (['messagingv2', 'async_events'], False),
            (['noop', 'async_events_outbox'], True),
        ):
            with open(path, 'w') as stream:
                stream.write('[oslo_messaging_notifications]\n')
                for driver in drivers:
                    stream.write(f'driver = {driver}\n')
            self.assertIs(expected, backlog.uses_outbox([path]))


class Pages:
    """Answers as the API does, two nodes at a time."""

    def __init__(self, nodes):
        self.nodes = nodes

    def get(self, path, params, microversion):
        names = [node['uuid'] for node in self.nodes]
        first = names.index(params['marker']) + 1 if 'marker' in params else 0
        body = {'nodes': self.nodes[first : first + 2]}
        if first + 2 < len(names):
            body['next'] = 'somewhere'
        answer = requests.Response()
        answer.status_code = 200
        answer._content = json.dumps(body).encode()
        return answer


class NodesTest(base.BaseTestCase):
    def test_all_pages_are_read(self):
        for count in range(6):
            found = [{'uuid': f'node-{number}'} for number in range(count)]
            self.assertEqual(found, list(exporter._pages(Pages(found))))

    def test_a_missing_sdk_is_named_with_its_extra(self):
        with mock.patch.dict(sys.modules, openstack=None):
            error = self.assertRaises(
                sources.SourceError, list, exporter.nodes('cloud', None)
            )
        self.assertIn('extra "exporter"', str(error))


class ConnectTest(base.BaseTestCase):
    def test_without_ironic_it_says_where_to_run(self):
        done = subprocess.run(
            [
                *(sys.executable, '-W', 'ignore', '-c'),
                'import sys\n'
                'from ironic_async_events.command import backlog\n'
                "sys.modules['ironic'] = None\n"
                "backlog.connect(['x.conf'])\n",
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(1, done.returncode)
        self.assertEqual(
            'Ironic is not installed in this Python environment. Run this '
            'command in the Python environment of Ironic.\n',
            done.stderr,
        )

    def test_green_threads_are_never_chosen(self):
        path = os.path.join(self.useFixture(fixtures.TempDir()).path, 'x.conf')
        with open(path, 'w') as stream:
            stream.write('[database]\nconnection = sqlite://\n')
        done = subprocess.run(
            [
                *(sys.executable, '-W', 'ignore', '-c'),
                'import sys, threading\n'
                'before = threading.Thread.start, threading.Lock\n'
                'from ironic_async_events.command import backlog\n'
                f'try: backlog.connect([{path!r}])\n'
                'except SystemExit as e: print(e)\n'
                'assert before == (threading.Thread.start, threading.Lock)\n'
                "eventlet = sys.modules.get('eventlet.patcher')\n"
                'assert not (eventlet and eventlet.already_patched)\n',
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn('ironic-async-events-dbsync upgrade', done.stdout)
