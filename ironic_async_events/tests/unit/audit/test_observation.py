# SPDX-License-Identifier: Apache-2.0
"""From messages, good and bad, to values."""

import copy
import json
import random

from oslotest import base
from testtools import content

from ironic_async_events.audit import observation as obs
from ironic_async_events.audit import summary
from ironic_async_events.tests.samples import recordings

NODE = '1be26c0b-03f2-4d2e-ae87-c02d7f33c123'
STEP = ('provide', 'manageable', 'cleaning')


def message():
    return recordings.message(STEP, NODE, 1, recordings.START, 'id-1')


#: The start of recordings, as seconds since 1970.
START = 1772366400.0

EXPECTED = obs.Observation(
    message_id='id-1',
    node=NODE,
    kind='provision_set',
    status='start',
    event='provide',
    previous_state='manageable',
    state='cleaning',
    publisher='ironic-conductor.one',
    time=START,
    created='2026-02-01T00:00:00Z',
)


class FormsTest(base.BaseTestCase):
    def test_as_oslo_messaging_hands_it_over(self):
        self.assertEqual(EXPECTED, obs.observe(message()))

    def test_as_json(self):
        text = json.dumps(message())
        self.assertEqual(EXPECTED, obs.observe_line(text))
        self.assertEqual(EXPECTED, obs.observe_line(text.encode() + b'\n'))

    def test_on_the_wire(self):
        for inner in (message(), json.dumps(message())):
            wire = {'oslo.version': '2.0', 'oslo.message': inner}
            self.assertEqual(EXPECTED, obs.observe(wire))

    def test_recorded(self):
        recorded = {
            'ctxt': {},
            'message': message(),
            'priority': 'INFO',
            'received_at': 12.5,
        }
        self.assertEqual(
            EXPECTED._replace(received=12.5), obs.observe(recorded)
        )

    def test_recorded_from_the_wire(self):
        wire = {'oslo.version': '2.0', 'oslo.message': json.dumps(message())}
        recorded = {'message': wire, 'received_at': '1970-01-01T00:00:12Z'}
        self.assertEqual(
            EXPECTED._replace(received=12.0), obs.observe(recorded)
        )

    def test_when_is_when_it_was_received_or_else_sent(self):
        self.assertEqual(START, EXPECTED.when)
        self.assertEqual(3.0, EXPECTED._replace(received=3.0).when)

    def test_unversioned_payload(self):
        flat = message()
        flat['payload'] = flat['payload']['ironic_object.data']
        self.assertEqual(EXPECTED, obs.observe(flat))

    def test_newer_versions_are_read_for_what_is_known(self):
        newer = message()
        newer['payload']['ironic_object.version'] = '99.0'
        newer['payload']['ironic_object.data']['colour'] = ['blue']
        self.assertEqual(EXPECTED, obs.observe(newer))

    def test_numbered(self):
        numbered = message()
        numbered['event_type'] = 'baremetal.node.provision_event.start'
        data = numbered['payload']['ironic_object.data']
        data |= {'sequence': 7, 'operation_id': 'op'}
        self.assertEqual(
            EXPECTED._replace(
                kind='provision_event', sequence=7, operation_id='op'
            ),
            obs.observe(numbered),
        )

    def test_creation_and_deletion(self):
        for kind in ('create', 'delete'):
            life = message()
            life['event_type'] = f'baremetal.node.{kind}.end'
            data = life['payload']['ironic_object.data']
            del data['event'], data['previous_provision_state']
            seen = obs.observe(life)
            self.assertEqual(
                (kind, 'end', NODE, 'cleaning'),
                (seen.kind, seen.status, seen.node, seen.state),
            )

    def test_other_notifications_are_ignored(self):
        for event_type in (
            'baremetal.node.power_set.end',
            'baremetal.port.create.end',
            'compute.instance.update',
        ):
            other = message() | {'event_type': event_type}
            self.assertEqual(obs.Ignored(event_type), obs.observe(other))


class MalformedTest(base.BaseTestCase):
    def check(self, reason, message):
        self.assertEqual(obs.Malformed(reason), obs.observe(message))

    def changed(self, **changes):
        other = message()
        other['payload']['ironic_object.data'] |= changes
        return other

    def test_the_reason_is_one_clear_line(self):
        self.check('a message is list, an object is expected', [])
        self.check(
            'neither a notification (no event_type) nor an envelope of one',
            {'x': 1},
        )
        self.check(
            'event_type is int, a string is expected', {'event_type': 5}
        )
        self.check(
            'the payload of baremetal.node.provision_set.end is NoneType, '
            'an object is expected',
            {'event_type': 'baremetal.node.provision_set.end'},
        )
        self.check(
            'the status of baremetal.node.provision_set.over is unknown',
            message() | {'event_type': 'baremetal.node.provision_set.over'},
        )
        self.check(
            "the node's uuid is NoneType, a string is expected",
            self.changed(uuid=None),
        )
        self.check(
            'provision_state is dict, a string is expected',
            self.changed(provision_state={}),
        )
        self.check(
            'provision_state is empty, unprintable or longer than 255 '
            'characters',
            self.changed(provision_state='x' * 256),
        )
        self.check(
            'event is empty, unprintable or longer than 255 characters',
            self.changed(event='\x1b[2J'),
        )
        self.check(
            'sequence is not a positive whole number',
            self.changed(sequence=True),
        )

    def test_every_field_that_is_needed_is_asked_for(self):
        for field in (
            'event',
            'previous_provision_state',
            'provision_state',
        ):
            other = message()
            del other['payload']['ironic_object.data'][field]
            self.check(f'the payload has no {field}', other)

    def test_what_is_not_json_does_not_quote_the_input(self):
        self.assertEqual(
            obs.Malformed('not JSON at character 0'),
            obs.observe_line('secret'),
        )
        self.assertEqual(
            obs.Malformed('not JSON'), obs.observe_line(b'"\xff\xfe"')
        )

    def test_nesting_without_end_is_malformed(self):
        deep = '[' * 200000
        self.assertEqual(
            obs.Malformed('JSON is nested too deeply'), obs.observe_line(deep)
        )

    def test_envelopes_without_end_are_malformed(self):
        endless = {}
        endless['message'] = endless
        self.assertIsInstance(obs.observe(endless), obs.Malformed)

    def test_a_time_that_is_none_is_left_out(self):
        for wrong in (
            '',
            'soon',
            1e300,
            float('nan'),
            -1,
            [],
            True,
            '9' * 999,
        ):
            other = message() | {'timestamp': wrong}
            self.assertEqual(EXPECTED._replace(time=None), obs.observe(other))

    def test_times_with_and_without_a_zone_are_utc(self):
        self.assertEqual(START, obs.seconds('2026-03-01 12:00:00'))
        self.assertEqual(START, obs.seconds('2026-03-01T12:00:00Z'))
        self.assertEqual(START, obs.seconds('2026-03-01T13:00:00+01:00'))


def places(value, path=()):
    """Every place in a message: the path that leads to it."""
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], (*path, key))


def spoil(dice):
    """A message with one thing wrong with it, anywhere."""
    wrong = dice.choice(
        [
            None,
            True,
            -1,
            1 << 80,
            1e308,
            '',
            '\ud800',
            '\x00',
            'x' * 1000000,
            [],
            [[]],
            {},
            {'oslo.message': '{'},
            {'ironic_object.data': 1},
        ]
    )
    whole = copy.deepcopy(message())
    if dice.random() < 0.5:
        whole = {'message': whole, 'received_at': 1.0, 'ctxt': None}
    path = dice.choice(list(places(whole)))
    if not path:
        return wrong
    inner = whole
    for key in path[:-1]:
        inner = inner[key]
    if dice.random() < 0.3:
        del inner[path[-1]]
    else:
        inner[path[-1]] = wrong
    return whole


class FuzzTest(base.BaseTestCase):
    """Nothing that can be read from a bus or a file ends the audit."""

    def setUp(self):
        super().setUp()
        seed = random.randrange(1 << 32)
        self.dice = random.Random(seed)
        self.addDetail('seed', content.text_content(str(seed)))
        self.audit = summary.Audit(unfinished_after=5)

    def take(self, seen):
        self.assertIsInstance(
            seen, obs.Observation | obs.Malformed | obs.Ignored
        )
        for violation in self.audit.take(seen):
            # All that is shown can be written to a terminal.
            violation.detail.encode()

    def finish(self, expected):
        self.audit.finish()
        self.assertEqual(expected, self.audit.messages)
        self.assertEqual(
            self.audit.messages,
            self.audit.checked + self.audit.ignored + self.audit.malformed,
        )
        self.assertGreater(self.audit.malformed, 0)

    def test_one_thing_wrong_anywhere(self):
        for _try in range(1000):
            self.take(obs.observe(spoil(self.dice)))
        self.finish(1000)

    def test_cut_anywhere(self):
        line = json.dumps({'message': message(), 'received_at': 2.0})
        for end in range(len(line)):
            self.assertIsInstance(
                obs.observe_line(line[:end]), obs.Malformed, line[:end]
            )

    def test_any_byte_changed(self):
        line = json.dumps(message()).encode()
        for _try in range(2000):
            spoiled = bytearray(line)
            for _byte in range(self.dice.randrange(1, 4)):
                spoiled[self.dice.randrange(len(line))] = self.dice.randrange(
                    256
                )
            self.take(obs.observe_line(bytes(spoiled)))
        self.finish(2000)

    def test_noise(self):
        for _try in range(2000):
            noise = self.dice.randbytes(self.dice.randrange(200))
            self.take(obs.observe_line(noise))
        self.finish(2000)

    def test_any_states_and_events_in_any_order(self):
        names = [
            None,
            'enroll',
            'verifying',
            'manageable',
            'inspecting',
            'active',
            'manage',
            'done',
            'fail',
            'new',
        ]
        for number in range(4000):
            choose = self.dice.choice
            self.take(
                obs.Observation(
                    choose((None, str(self.dice.randrange(number + 1)))),
                    choose('abc'),
                    choose(('provision_set', 'provision_event', 'delete')),
                    choose(('start', 'end', 'error', 'success')),
                    choose(names),
                    choose(names),
                    choose(names),
                    publisher=choose('xy'),
                    time=choose((None, self.dice.random() * 1e9)),
                    created=choose((None, '1', '2')),
                    sequence=choose((None, None, self.dice.randrange(1, 99))),
                )
            )
        self.take(obs.Malformed('one'))
        self.finish(4001)
