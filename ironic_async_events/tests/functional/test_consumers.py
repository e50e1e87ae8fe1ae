# SPDX-License-Identifier: Apache-2.0
"""The examples for consumers, and the check of consumers, on RabbitMQ."""

import datetime
import json
import pathlib
import random
import subprocess
import sys
from typing import ClassVar

import kombu

import ironic_async_events
from ironic_async_events.tests.functional import base
from ironic_async_events.tests.samples import recordings
from laboratory import broker
from laboratory import processes

EXAMPLES = (
    pathlib.Path(ironic_async_events.__file__).parents[1]
    / 'contrib'
    / 'consumers'
)
TOPIC = 'ironic_versioned_notifications'
_AT_MOST = 60.0


class ConsumersTest(base.FunctionalTestCase):
    """They share a broker; each has queues of its own there."""

    rabbit: ClassVar[broker.RabbitMQ]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        directory = base.Directory()
        directory.setUp()
        cls.addClassCleanup(directory.cleanUp)
        cls.rabbit = broker.RabbitMQ(directory.path, managed=True)
        cls.rabbit.start()
        cls.addClassCleanup(cls.rabbit.stop)

    def setUp(self):
        super().setUp()
        self.directory = self.useFixture(base.Directory()).path
        self.connection = kombu.Connection(self.rabbit.amqp_url)
        self.addCleanup(self.connection.release)
        # As Ironic's oslo.messaging declares it.
        self.exchange = kombu.Exchange(
            'ironic', type='topic', durable=False, auto_delete=False
        )(self.connection.default_channel)
        self.exchange.declare()
        dice = random.Random(6)
        self.messages = [
            recordings.message(
                step,
                'node-1',
                1,
                recordings.START + datetime.timedelta(seconds=number),
                f'message-{number}',
            )
            for number, step in enumerate(recordings.walk(dice, 200))
        ]
        self.assertIn('ERROR', {one['priority'] for one in self.messages})

    def send(self, messages):
        """Send notifications as oslo.messaging does."""
        producer = kombu.Producer(self.connection.default_channel)
        for one in messages:
            producer.publish(
                json.dumps(
                    {'oslo.version': '2.0', 'oslo.message': json.dumps(one)}
                ),
                exchange=self.exchange,
                routing_key=f'{TOPIC}.{one["priority"].lower()}',
                content_type='application/json',
                content_encoding='utf-8',
            )

    def bound(self, queue):
        """Return the keys with which a queue is bound to the exchange."""
        lines = self.rabbit.control(
            *('list_bindings', 'source_name', 'destination_name'),
            *('routing_key', '--no-table-headers'),
        ).splitlines()
        found = [line.split('\t') for line in lines]
        return {
            key
            for source, name, key in found
            if (source, name) == ('ironic', queue)
        }

    def consume(self, name, url, queue):
        """Start an example, and wait until it listens."""
        output = self.directory / f'{queue}.txt'
        program = processes.Process(
            name, [sys.executable, str(EXAMPLES / name), url, queue], output
        ).start()
        self.addCleanup(program.stop)
        program.require(
            lambda: (
                f'{TOPIC}.*' in self.bound(queue)
                or {f'{TOPIC}.info', f'{TOPIC}.error'} <= self.bound(queue)
            ),
            _AT_MOST,
            'bind its queue',
        )
        return program

    def lines(self, program):
        """Return what an example has printed about nodes."""
        return [
            line
            for line in program.log.read_text().splitlines()
            if line.startswith('node-')
        ]

    def expected(self, messages):
        return [
            '{uuid} {event} {previous_provision_state} -> '
            '{provision_state}'.format(**one['payload']['ironic_object.data'])
            for one in messages
        ]

    def assert_example(self, name, url):
        """Everything is printed once, in order, also what it missed."""
        queue = name.partition('.')[0]
        half = len(self.messages) // 2
        program = self.consume(name, url, queue)
        self.send(self.messages[:half])
        # A relay that takes over repeats some messages.
        self.send(self.messages[half - 20 : half + 1])
        expected = self.expected(self.messages)

        def has(count):
            return lambda: len(self.lines(program)) >= count

        processes.wait_for(has(half + 1), _AT_MOST)
        self.assertEqual(expected[: half + 1], self.lines(program))
        program.stop()
        self.send(self.messages[half + 1 :])
        program = self.consume(name, url, queue)
        processes.wait_for(has(len(expected)), _AT_MOST)
        self.assertEqual(expected, self.lines(program))
        program.stop()
        self.assertNotIn('Traceback', program.log.read_text())

    def test_with_oslo_messaging(self):
        self.assert_example('with_oslo_messaging.py', self.rabbit.url)

    def test_with_amqp(self):
        self.assert_example('with_amqp.py', self.rabbit.amqp_url)

    def check(self):
        """Run the check.

        :returns: exit code, and standard output.
        """
        done = subprocess.run(
            [
                *(sys.executable, '-m', 'ironic_async_events.command.status'),
                *('consumers', '--url', self.rabbit.management_url),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual('', done.stderr)
        return done.returncode, done.stdout

    def test_the_check_finds_who_never_sees_a_failure(self):
        channel = self.connection.default_channel
        for name, key in (('good', f'{TOPIC}.*'), ('bad', f'{TOPIC}.info')):
            kombu.Queue(name, self.exchange, routing_key=key, exclusive=False)(
                channel
            ).declare()
            self.addCleanup(channel.queue_delete, name)
        code, out = self.check()
        self.assertEqual(1, code)
        (line,) = [x for x in out.splitlines() if x.startswith('Warning')]
        self.assertIn('queue bad (virtual host /)', line)
        channel.queue_delete('bad')
        code, out = self.check()
        self.assertEqual((0, True), (code, ', 0 warnings' in out), out)
