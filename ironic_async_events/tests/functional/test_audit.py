# SPDX-License-Identifier: Apache-2.0
"""The audit on a real RabbitMQ, beside another consumer."""

import json
import random
import signal
import subprocess
import sys

from oslo_config import cfg
import oslo_messaging
from testtools import content

from ironic_async_events.command import bus
from ironic_async_events.tests.functional import base
from ironic_async_events.tests.samples import recordings
from ironic_async_events.tests.tempest import bus as tempest_bus
from laboratory import processes

COUNT = 2000
AUDIT = (
    *(sys.executable, '-m', 'ironic_async_events.command'),
    *('audit', '--transport-url'),
)
_AT_MOST = 60.0


def interruptible() -> None:
    """Listen to Ctrl-C, which what a shell runs in the background does not."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class AuditTest(base.FunctionalTestCase):
    """They share a broker; each has queues of its own there."""

    def setUp(self) -> None:
        super().setUp()
        self.rabbit = base.rabbitmq()
        self.directory = self.useFixture(base.Directory()).path
        dice = random.Random(4)
        self.messages = [
            recordings.message(
                step, f'node-{node}', node, recordings.START, 'not used'
            )
            for node in range(20)
            for step in recordings.walk(dice, COUNT // 20)
        ]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start an audit."""
        program = subprocess.Popen(
            [
                *AUDIT,
                self.rabbit.url,
                '--complete',
                *('-f', 'json'),
                *arguments,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=interruptible,
        )
        self.addCleanup(program.wait)
        self.addCleanup(program.kill)
        return program

    def audit(self, *arguments: str) -> subprocess.Popen[str]:
        """Start an audit, and wait until it listens."""
        before = self.queues()
        program = self.start(*arguments)
        self.wait_for(
            lambda: (
                len(self.queues()) > len(before) or program.poll() is not None
            )
        )
        # All priorities of the topic are bound one after the other.
        self.wait_for(lambda: self.bindings() >= 7)
        return program

    def wait_for(self, ready) -> None:
        self.assertTrue(
            processes.wait_for(ready, _AT_MOST, 0.1), 'waited in vain'
        )

    def ask_broker(self, *arguments: str) -> list[str]:
        return self.rabbit.control(
            *arguments, '--no-table-headers'
        ).splitlines()

    def queues(self) -> list[str]:
        return self.ask_broker('list_queues', 'name')

    def unread(self) -> int:
        """How many messages an audit has not read yet."""
        return sum(
            int(line.split('\t')[1])
            for line in self.ask_broker('list_queues', 'name', 'messages')
            if 'ironic-async-events' in line
        )

    def bindings(self) -> int:
        """How many priorities the queues of audits are bound to."""
        return sum(
            line.startswith('ironic\t') and 'ironic-async-events' in line
            for line in self.ask_broker(
                'list_bindings', 'source_name', 'destination_name'
            )
        )

    def send(self, messages) -> None:
        """Send notifications as Ironic does."""
        conf = cfg.ConfigOpts()
        conf([])
        transport = oslo_messaging.get_notification_transport(
            conf, url=self.rabbit.url
        )
        conf.set_override('control_exchange', 'ironic')
        transport._driver._default_exchange = 'ironic'
        self.addCleanup(transport.cleanup)
        notifier = oslo_messaging.Notifier(
            transport,
            publisher_id='ironic-conductor.one',
            driver='messagingv2',
            topics=[bus.TOPIC],
        )
        for one in messages:
            send = getattr(notifier, one['priority'].lower())
            send({}, one['event_type'], one['payload'])

    def finish(self, program: subprocess.Popen[str]):
        """End an audit.

        :returns: its exit code, its counts.
        """
        program.send_signal(signal.SIGINT)
        out, err = program.communicate(timeout=_AT_MOST)
        self.addDetail('stderr', content.text_content(err))
        rows = json.loads(out)
        return program.returncode, {x['What']: x['Count'] for x in rows}

    def test_both_get_everything_in_order(self) -> None:
        path = self.directory / 'other.jsonl'
        other = tempest_bus.Collector(self.rabbit.amqp_url, path).start()
        self.addCleanup(other.stop)
        program = self.audit()
        second = self.audit()
        self.send(self.messages)
        other.wait_quiet()
        for one in (program, second):
            code, counts = self.finish(one)
            self.assertEqual(len(self.messages), counts['checked'])
            for name in ('lost', 'out of order', 'duplicate', 'illegal'):
                self.assertEqual(0, counts[name], name)
            # The walks end where they end: nothing is at work there.
            self.assertEqual(0, code)
        self.assertEqual(len(self.messages), other.count)

    def test_a_loss_is_1_and_the_queue_is_gone(self) -> None:
        before = self.queues()
        program = self.audit()
        self.assertEqual(len(before) + 1, len(self.queues()))
        self.send(self.messages[:50] + self.messages[51:100])
        self.wait_for(lambda: self.unread() == 0)
        code, counts = self.finish(program)
        self.assertEqual(1, code)
        self.assertEqual(99, counts['checked'])
        self.assertEqual(1, counts['lost'])
        # What is left, the notifier made.
        self.assertEqual(
            [], [x for x in self.queues() if 'ironic-async-events' in x]
        )

    def test_a_duration_ends_it_and_silence_is_3(self) -> None:
        program = self.start('--duration', '3')
        out, _err = program.communicate(timeout=_AT_MOST)
        self.assertEqual(3, program.returncode)
        self.assertIn('messages', out)

    def test_a_wrong_password_is_2(self) -> None:
        url = self.rabbit.url.replace('guest:guest', 'guest:secret')
        done = subprocess.run(
            [*AUDIT, url],
            capture_output=True,
            text=True,
            timeout=_AT_MOST,
            check=False,
        )
        self.assertEqual(2, done.returncode, done.stderr)
        self.assertIn('cannot listen to rabbit://127.0.0.1', done.stderr)
        self.assertNotIn('secret', done.stderr)
