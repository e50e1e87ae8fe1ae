# SPDX-License-Identifier: Apache-2.0
"""Files, pipes and the bus as sources of messages."""

import io
import json
import os
import subprocess
import threading

import fixtures
from oslo_config import cfg
import oslo_messaging
from oslotest import base

from ironic_async_events.audit import observation as obs
from ironic_async_events.command import bus
from ironic_async_events.command import sources
from ironic_async_events.tests.samples import recordings


def everything(source):
    with source as batches:
        return [seen for batch in batches for seen in batch]


class FilesTest(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.path = os.path.join(
            self.useFixture(fixtures.TempDir()).path, 'recording'
        )
        text = io.StringIO()
        recordings.write(text, 300, 7, seed=1)
        lines = text.getvalue().splitlines()
        lines[20] = '[nonsense]'
        lines[30] = ''
        lines[40] = json.dumps({'event_type': 'baremetal.port.create.end'})
        with open(self.path, 'w') as stream:
            stream.write('\n'.join(lines))
        self.expected = [obs.observe_line(line) for line in lines if line]
        self.assertEqual(299, len(self.expected))

    def test_a_file_is_read_in_order(self):
        source = sources.recording(self.path)
        self.assertEqual(self.expected, everything(source))

    def test_a_stream_is_read_in_order(self):
        with open(self.path) as stream:
            self.useFixture(fixtures.MonkeyPatch('sys.stdin', stream))
            self.assertEqual(self.expected, everything(sources.recording('-')))

    def test_a_pipe_is_read_as_a_stream(self):
        pipe = self.path + '.pipe'
        os.mkfifo(pipe)
        # A process, because no green thread runs while a pipe is opened.
        feed = subprocess.Popen(['cp', self.path, pipe])
        self.addCleanup(feed.wait)
        self.assertEqual(self.expected, everything(sources.recording(pipe)))

    def test_a_line_without_end_is_malformed_and_passed_over(self):
        self.useFixture(fixtures.MockPatchObject(sources, 'MAX_LINE', 100))
        text = b'x' * 1000 + b'\n' + b'[1]\n' + b'y' * 101
        self.assertEqual(
            [
                obs.Malformed('a line is longer than 100 bytes'),
                obs.Malformed('a message is list, an object is expected'),
                obs.Malformed('a line is longer than 100 bytes'),
            ],
            list(sources.read(io.BytesIO(text))),
        )

    def test_what_cannot_be_read_says_so(self):
        for path, reason in (
            ('/nowhere/at/all', 'No such file or directory'),
            (os.path.dirname(self.path), 'Is a directory'),
        ):
            error = self.assertRaises(
                sources.SourceError, everything, sources.recording(path)
            )
            self.assertEqual(f'cannot read {path}: {reason}', str(error))


class BusTest(base.BaseTestCase):
    """Over oslo.messaging's driver for tests, which knows pools too."""

    def listen(self, **options):
        # The fake driver's exchanges belong to a transport: share ours.
        self.useFixture(
            fixtures.MonkeyPatch(
                'oslo_messaging.get_notification_transport', self._transport
            )
        )
        return bus.listen('fake://', **options)

    def setUp(self):
        super().setUp()
        self._real = oslo_messaging.get_notification_transport
        self.transport = None

    def _transport(self, conf, url=None):
        conf.register_opts([])
        self.transport = self._real(conf, url=url)
        return self.transport

    def notify(self, priority, message):
        notifier = oslo_messaging.Notifier(
            self.transport,
            publisher_id=message['publisher_id'],
            driver='messagingv2',
            topics=[bus.TOPIC],
        )
        getattr(notifier, priority)(
            {}, message['event_type'], message['payload']
        )

    def test_every_priority_is_heard(self):
        steps = [
            ('inspect', 'manageable', 'inspecting'),
            ('fail', 'inspecting', 'inspect failed'),
            ('inspect', 'inspect failed', 'inspecting'),
            ('done', 'inspecting', 'manageable'),
        ] * 10
        heard = []
        with self.listen(exchange='openstack') as batches:
            for number, step in enumerate(steps):
                message = recordings.message(
                    step, 'node-1', 1, recordings.START, f'm{number}'
                )
                self.notify(message['priority'].lower(), message)
            for batch in batches:
                heard += batch
                if len(heard) >= len(steps):
                    break
        # This driver has a queue for each priority: the order between them
        # is kept by RabbitMQ's, and tested there.
        self.assertEqual(
            sorted(steps),
            sorted((x.event, x.previous_state, x.state) for x in heard),
        )
        self.assertEqual(
            [step for step in steps if step[0] != 'fail'],
            [
                (x.event, x.previous_state, x.state)
                for x in heard
                if x.event != 'fail'
            ],
        )
        self.assertTrue(all(x.received for x in heard))
        self.assertEqual(40, len({x.message_id for x in heard}))

    def test_pools_of_two_audits_differ_and_a_named_one_is_kept(self):
        start = self.useFixture(
            fixtures.MockPatch(
                'oslo_messaging.get_notification_listener',
                wraps=oslo_messaging.get_notification_listener,
            )
        ).mock
        delete = self.useFixture(
            fixtures.MockPatchObject(bus, '_delete_queue')
        ).mock
        with self.listen():
            own = start.call_args.kwargs['pool']
            self.assertIn(str(os.getpid()), own)
        self.assertEqual(own, delete.call_args.args[1])
        with self.listen(pool='mine'):
            self.assertEqual('mine', start.call_args.kwargs['pool'])
        self.assertEqual(1, delete.call_count)

    def test_a_bus_that_does_not_answer_is_given_up(self):
        hang = threading.Event()
        self.addCleanup(hang.set)
        source = self.listen(timeout=0.05)
        self.useFixture(
            fixtures.MonkeyPatch(
                'oslo_messaging.notify.listener.NotificationServer.start',
                lambda *args, **kwargs: hang.wait(),
            )
        )
        error = self.assertRaises(sources.SourceError, source.__enter__)
        self.assertIn('no connection within 0.05 s', str(error))

    def test_a_url_without_sense_says_so_without_its_password(self):
        for url in ('nonsense://user:secret@host', 'secret', ':::secret'):
            error = self.assertRaises(
                sources.SourceError, bus.listen(url).__enter__
            )
            self.assertIn('--transport-url', str(error))
            self.assertNotIn('secret', str(error))

    def test_a_configuration_file_that_is_missing_says_so(self):
        source = bus.listen(config_files=['/nowhere.conf'])
        error = self.assertRaises(sources.SourceError, source.__enter__)
        self.assertIn('/nowhere.conf', str(error))
        self.assertIsInstance(error.__cause__, cfg.Error)
