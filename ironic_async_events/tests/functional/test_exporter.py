# SPDX-License-Identifier: Apache-2.0
"""The exporter beside a real Ironic, scraped by a real Prometheus."""

import collections
import json
import subprocess
import sys

from oslo_config import cfg
import oslo_messaging

from ironic_async_events.audit import observation
from ironic_async_events.audit import summary
from ironic_async_events.audit.violation import Kind
from ironic_async_events.command import backlog
from ironic_async_events.command import bus
from ironic_async_events.command import metrics
from ironic_async_events.tests.functional import base
from ironic_async_events.tests.functional import prometheus
from laboratory import broker
from laboratory import clients
from laboratory import database
from laboratory import deployment
from laboratory import lifecycle
from laboratory import processes
from laboratory import service

CLIENTS = 4
_AT_MOST = 60.0
_SINCE = metrics.SINCE.name
_COUNT = f'{metrics.DURATION.name}_count'


class Scraped(base.FunctionalTestCase):
    def setUp(self):
        super().setUp()
        self.directory = self.useFixture(base.Directory()).path

    def export(self, *arguments):
        """Start an exporter."""
        exporter = prometheus.Exporter(self.directory, arguments)
        self.addCleanup(exporter.stop)
        return exporter.start()

    def wait_for(self, ready, seconds=_AT_MOST):
        self.assertTrue(
            processes.wait_for(ready, seconds, 0.2), 'waited in vain'
        )


class BesideIronic(Scraped):
    """What Prometheus has is what the audit finds in the recording."""

    def measure(self, wanted, operations):
        """Let clients lead nodes through their lives.

        :returns: the audit of the recording, and Prometheus.
        """
        bench = self.start(wanted)
        url = bench.ironic.endpoint
        client = clients.Client(url)
        at_rest = client.create()
        client.operate(at_rest, lifecycle.operation('manage'))
        skipped = len(bench.observations())
        exporter = self.export(
            *('--transport-url', base.rabbitmq().url, '--ironic-url', url)
        )
        server = prometheus.Prometheus(self.directory, exporter.port)
        self.addCleanup(server.stop)
        server.start()
        self.assertEqual(
            {('manageable',): 1}, server.query(metrics.NODES.name)
        )
        self.assertEqual(
            [(at_rest.id, 'manageable')], list(server.query(_SINCE))
        )
        clients.drive(url, CLIENTS, 1, operations)
        audit = summary.Audit()
        self.statuses = collections.Counter()
        for seen in bench.observations()[skipped:]:
            audit.take(seen)
            if isinstance(seen, observation.Observation):
                self.statuses[seen.status] += 1
        audit.finish()
        self.assertGreater(audit.checked, CLIENTS * len(operations))
        # What does not fit is judged some seconds later.
        self.wait_for(
            lambda: (
                sum(server.query(metrics.NOTIFICATIONS.name).values())
                == audit.checked
                and server.query(metrics.HELD.name) == {(): 0}
            )
        )
        return audit, server

    def assert_equal(self, audit, server):
        """Assert that Prometheus has the figures of the audit."""
        (late,) = server.query(metrics.LATE.name).values()
        expected = {(kind.value,): audit.counts[kind] for kind in Kind}
        expected['lost',] += late
        self.assertEqual(expected, server.query(metrics.VIOLATIONS.name))
        self.assertEqual(
            self.statuses,
            {
                status: count
                for (status,), count in server.query(
                    f'sum by (status) ({metrics.NOTIFICATIONS.name}) > 0'
                ).items()
            },
        )
        for name, count in (
            (metrics.MISSING.name, audit.missing + late),
            (metrics.IGNORED.name, audit.ignored),
            (metrics.MALFORMED.name, audit.malformed),
        ):
            self.assertEqual({(): count}, server.query(name), name)

    def test_whole_lives_with_the_plugin(self):
        operations = lifecycle.here()
        audit, server = self.measure(
            deployment.Run(plugin=True, rabbitmq=True), operations
        )
        self.assertTrue(audit.clean)
        self.assert_equal(audit, server)
        # The nodes that lived are deleted again.
        self.assertEqual(
            {('manageable',): 1}, server.query(metrics.NODES.name)
        )
        counts = server.query(_COUNT)
        asked = collections.Counter(one.verb for one in operations)
        for event in ('inspect', 'rebuild', 'unrescue', 'provide'):
            self.assertEqual(
                CLIENTS * asked[event], counts[event, 'done'], event
            )
        self.assertEqual(CLIENTS, counts['clean', 'failed'])
        path = prometheus.CONTRIB / 'dashboard.json'
        for panel in json.loads(path.read_text())['panels']:
            for target in panel['targets']:
                query = target['expr'].replace('$__rate_interval', '1m')
                self.assertIsNotNone(server.ask('query', query=query), query)
        self.assertEqual(
            ['ok'] * 8,
            [
                rule['health']
                for group in server.ask('rules')['groups']
                for rule in group['rules']
            ],
        )

    def test_losses_of_stock(self):
        audit, server = self.measure(
            deployment.Run(
                plugin=False,
                rabbitmq=True,
                command=(sys.executable, '-m', 'laboratory.forced'),
            ),
            lifecycle.SHORT_LIFE,
        )
        self.assertGreater(audit.counts[Kind.LOST], CLIENTS)
        self.assert_equal(audit, server)


class BusAway(Scraped):
    """RabbitMQ restarts; the exporter and the relay live on."""

    def setUp(self):
        super().setUp()
        self.rabbit = broker.RabbitMQ(self.directory)
        self.addCleanup(self.rabbit.stop)
        self.rabbit.start()

    def test_the_outbox_is_seen_and_nothing_is_missed(self):
        ironic = service.Ironic(
            self.useFixture(base.Directory()).path,
            plugin=True,
            transport=self.rabbit.url,
            options={
                'oslo_messaging_notifications': {
                    'driver': ['async_events_outbox']
                },
                # The queues outlive RabbitMQ.
                'oslo_messaging_rabbit': {'amqp_durable_queues': True},
            },
        )
        ironic.create_schema()
        ironic.run_once('ironic-async-events-dbsync', 'upgrade')
        self.addCleanup(ironic.stop)
        ironic.start()
        exporter = self.export(
            *('--config-file', str(ironic.directory / 'ironic.conf')),
            *('--ironic-url', ironic.endpoint),
        )
        waiting = backlog.WAITING.name
        self.wait_for(lambda: exporter.read(waiting) == {(): 0})
        client = clients.Client(ironic.endpoint)
        node = client.create()
        client.operate(node, lifecycle.operation('manage'))
        at_rest = {(node.id, 'manageable')}
        self.wait_for(lambda: set(exporter.read(_SINCE)) == at_rest)
        self.rabbit.stop()
        for _ in range(3):
            client.operate(node, lifecycle.INSPECT)
        client.operate(node, lifecycle.operation('provide'))
        self.wait_for(lambda: exporter.read(waiting)[()] >= 8)
        self.assertGreater(exporter.read(backlog.AGE.name)[()], 0)
        self.assertEqual(at_rest, set(exporter.read(_SINCE)))
        self.rabbit.start()
        available = {(node.id, 'available')}
        self.wait_for(lambda: set(exporter.read(_SINCE)) == available, 180)
        self.assertEqual(3, exporter.read(_COUNT)['inspect', 'done'])
        self.wait_for(lambda: exporter.read(waiting) == {(): 0})
        self.assertEqual({(): 0}, exporter.read(backlog.DEAD.name))
        violations = exporter.read(metrics.VIOLATIONS.name)
        # A relay that was interrupted repeats.
        violations.pop(('duplicate',))
        self.assertEqual({0}, set(violations.values()))

    def test_a_queue_that_is_gone_is_declared_again(self):
        exporter = self.export('--transport-url', self.rabbit.url)
        self.rabbit.stop()
        self.rabbit.start()
        sender = self.sender()
        ignored = metrics.IGNORED.name

        def heard():
            # There is no queue, and this is lost, until the exporter is back.
            sender.info({}, 'baremetal.port.create.end', {})
            return exporter.read(ignored)[()] > 0

        self.wait_for(heard, 180)

    def sender(self):
        """Return a notifier that sends as Ironic does."""
        conf = cfg.ConfigOpts()
        conf([])
        transport = oslo_messaging.get_notification_transport(
            conf, url=self.rabbit.url
        )
        self.addCleanup(transport.cleanup)
        transport._driver._default_exchange = bus.EXCHANGE
        return oslo_messaging.Notifier(
            transport,
            publisher_id='ironic-api.one',
            driver='messagingv2',
            topics=[bus.TOPIC],
        )


class AlertsTest(base.FunctionalTestCase):
    def test_the_rules_and_their_tests(self):
        tool = database.program('promtool', 'prometheus')
        for command, name in (
            ('check', 'alerts.yaml'),
            ('test', 'alerts_test.yaml'),
        ):
            done = subprocess.run(
                [tool, command, 'rules', str(prometheus.CONTRIB / name)],
                capture_output=True,
                text=True,
                check=False,
            )
            self.assertEqual(0, done.returncode, done.stdout + done.stderr)
