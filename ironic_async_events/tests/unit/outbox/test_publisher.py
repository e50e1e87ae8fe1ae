# SPDX-License-Identifier: Apache-2.0
"""Tests of the edge to the bus: what messagingv2 sends, and its errors."""

import json
import logging
import threading
from unittest import mock

from oslo_config import cfg
import oslo_messaging
from oslo_messaging._drivers import pool
from oslo_messaging.notify import messaging
from oslotest import base

from ironic_async_events.outbox import message
from ironic_async_events.outbox import publisher
from ironic_async_events.tests.unit.outbox import base as outbox_base


class PublisherTestCase(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.transport = mock.Mock(spec=oslo_messaging.transport.Transport)

    def sent(self):
        found = []
        for call in self.transport._send_notification.call_args_list:
            target, context, body = call.args
            found.append(
                (target.topic, dict(context), dict(body), call.kwargs)
            )
        self.transport._send_notification.reset_mock()
        return found

    def test_it_sends_what_messagingv2_sends(self):
        stored = outbox_base.make_message('one')
        messaging.MessagingV2Driver(
            cfg.ConfigOpts(), topics=['a', 'b'], transport=self.transport
        ).notify(stored.context, stored.body, 'INFO', 0)
        expected = self.sent()
        both = message.Message(('a', 'b'), stored.context, stored.body, 'INFO')
        publisher.publish(self.transport, both.encode())
        self.assertEqual(expected, self.sent())

    def test_a_failure_is_raised(self):
        self.transport._send_notification.side_effect = (
            oslo_messaging.MessageDeliveryFailure
        )
        error = self.assertRaises(
            oslo_messaging.MessageDeliveryFailure,
            publisher.publish,
            self.transport,
            outbox_base.make_message('one').encode(),
        )
        self.assertNotIsInstance(error, message.Unreadable)

    def test_what_cannot_be_decoded_is_unreadable(self):
        for text in self.unreadable():
            error = self.assertRaises(
                message.Unreadable,
                publisher.publish,
                self.transport,
                text,
            )
            self.assertIsInstance(error, message.Unreadable)

    @staticmethod
    def unreadable():
        """Return texts that are no messages."""
        good = json.loads(outbox_base.make_message('one').encode())
        parts = [
            json.dumps({**good, name: value})
            for name in good
            for value in (7, None, [7])
        ]
        return ['{', '[]', '[' * 100000, json.dumps({'topics': 7}), *parts]

    def test_whatever_the_transport_raises_is_not_the_messages_fault(self):
        for kind in (
            AttributeError,
            KeyError,
            OSError,
            RecursionError,
            TypeError,
            ValueError,
            oslo_messaging.MessagingException,
        ):
            self.transport._send_notification.side_effect = kind
            error = self.assertRaises(
                kind,
                publisher.publish,
                self.transport,
                outbox_base.make_message('one').encode(),
            )
            self.assertNotIsInstance(error, message.Unreadable)


class PoolTestCase(base.BaseTestCase):
    """The pool is oslo.messaging's own; a pool that is empty blocks."""

    def test_after_a_failure_connections_are_closed_and_make_room(self):
        connections = []

        def connect(*args, **kwargs):
            connections.append(mock.Mock(spec=['close']))
            return connections[-1]

        connections_pool = pool.ConnectionPool(
            None, 2, 1, 1200, None, mock.Mock(spec=[], side_effect=connect)
        )
        transport = mock.Mock(spec=['_driver', '_send_notification'])
        transport._driver = mock.Mock(spec=['_connection_pool'])
        transport._driver._connection_pool = connections_pool

        def refuse(*args, **kwargs):
            connections_pool.put(connections_pool.get(retry=0))
            raise oslo_messaging.MessageDeliveryFailure

        transport._send_notification.side_effect = refuse
        for _ in range(5):
            self.assertRaises(
                oslo_messaging.MessageDeliveryFailure,
                publisher.publish,
                transport,
                outbox_base.make_message('one').encode(),
            )
        self.assertEqual(5, len(connections))
        for connection in connections:
            connection.close.assert_called_once_with()


class QuietTestCase(base.BaseTestCase):
    def test_only_the_relay_is_quiet_and_only_for_a_time(self):
        logger = logging.getLogger('oslo_messaging._drivers.impl_rabbit')
        logger.disabled = False
        lines = []
        handler = logging.Handler()
        handler.emit = lambda record: lines.append(record.getMessage())
        logger.addHandler(handler)
        self.addCleanup(logger.removeHandler, handler)

        def say(text, thread):
            one = threading.Thread(
                target=logger.error, args=(text,), name=thread
            )
            one.start()
            one.join()

        with publisher.quiet('relay'):
            say('unreachable', 'relay')
            say('a worker', 'worker')
        say('afterwards', 'relay')
        self.assertEqual(['a worker', 'afterwards'], lines)
