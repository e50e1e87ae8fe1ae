# SPDX-License-Identifier: Apache-2.0

import datetime

from ironic import objects
from oslotest import base

from ironic_async_events.task import refusal


class Node(objects.Node):
    """A node without a database."""

    def __init__(self, **fields):
        super().__init__(None)
        for name, field in self.fields.items():
            value = fields.get(name)
            if value is None and not field.nullable:
                value = 0 if name == 'id' else False
            # Past the coercion, to what the object keeps.
            setattr(self, f'_obj_{name}', value)


class SnapshotTestCase(base.BaseTestCase):
    def test_an_unchanged_node_has_nothing_to_restore(self):
        node = Node(extra={'a': [1, {'b': None}]}, last_error='no')
        self.assertEqual([], refusal.Snapshot(node).restore(node))

    def test_what_was_changed_in_place_is_restored(self):
        node = Node(clean_step={'args': {'list': [1, 2]}})
        taken = refusal.Snapshot(node)
        node.clean_step['args']['list'].append(3)
        node.clean_step['abort_after'] = True
        self.assertEqual(['clean_step'], taken.restore(node))
        self.assertEqual({'args': {'list': [1, 2]}}, node.clean_step)
        self.assertEqual({'clean_step'}, node.obj_what_changed())

    def test_what_is_restored_is_no_part_of_the_snapshot(self):
        node = Node(extra={'a': []})
        taken = refusal.Snapshot(node)
        node.extra = {}
        taken.restore(node)
        node.extra['a'].append(1)
        taken.restore(node)
        self.assertEqual({'a': []}, node.extra)

    def test_the_lock_is_not_restored(self):
        node = Node(reservation='one', provision_state='active')
        taken = refusal.Snapshot(node)
        node.reservation = 'other'
        node.provision_state = 'rescuing'
        self.assertEqual(['provision_state'], taken.restore(node))
        self.assertEqual('other', node.reservation)

    def test_what_json_cannot_hold_is_kept_as_well(self):
        when = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
        node = Node(driver_internal_info={'when': when})
        taken = refusal.Snapshot(node)
        node.driver_internal_info['when'] = None
        taken.restore(node)
        self.assertEqual({'when': when}, node.driver_internal_info)
