# SPDX-License-Identifier: Apache-2.0
"""Tests of the form in which a message is stored."""

from oslotest import base

from ironic_async_events.outbox import message
from ironic_async_events.tests.unit.outbox import base as outbox_base


class MessageTestCase(base.BaseTestCase):
    def test_it_comes_back_as_it_was_stored(self):
        stored = outbox_base.make_message('one', text='überall \U0001f4a9')
        found = message.Message.decode(stored.encode())
        self.assertEqual(stored.body, found.body)
        self.assertEqual(stored.context, found.context)
        self.assertEqual(['topic'], found.topics)
        self.assertEqual('INFO', found.priority)

    def test_what_is_stored_is_ascii(self):
        # Ironic's database may know three bytes of UTF-8 only.
        text = outbox_base.make_message('one', text='\U0001f4a9').encode()
        self.assertTrue(text.isascii())

    def test_a_notification_of_a_node_is_about_the_node(self):
        self.assertEqual('n', outbox_base.make_message('one', 'n').subject)

    def test_a_notification_with_node_uuid_is_about_that_node(self):
        found = message.Message(
            (),
            {},
            {
                'message_id': 'one',
                'event_type': 'baremetal.node.provision_event.end',
                'payload': {'ironic_object.data': {'node_uuid': 'n'}},
            },
            'INFO',
        )
        self.assertEqual('n', found.subject)

    def test_others_are_about_nothing_but_themselves(self):
        for event_type, payload in (
            ('baremetal.port.create.end', {'ironic_object.data': {'uuid': 1}}),
            ('hardware.ipmi.metrics', {'node_uuid': 'n'}),
            ('baremetal.node.create.end', None),
            ('baremetal.node.create.end', {'ironic_object.data': []}),
            ('baremetal.node.create.end', {'ironic_object.data': {'uuid': 7}}),
            (None, 'text'),
        ):
            found = message.Message(
                (),
                {},
                {
                    'message_id': 'one',
                    'event_type': event_type,
                    'payload': payload,
                },
                'INFO',
            )
            self.assertEqual('one', found.subject)

    def test_what_is_no_stored_message_is_refused(self):
        for text in ('', '{', '[]', '{}', '7', 'null', '{"topics": []}'):
            self.assertRaises(ValueError, message.Message.decode, text)
