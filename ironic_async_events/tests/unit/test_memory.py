# SPDX-License-Identifier: Apache-2.0
"""What the plugin keeps of each node, where many nodes are kept."""

import gc
import json
import tracemalloc
import types
from unittest import mock

import fixtures
from ironic.common import states
from ironic.objects import node as node_object
from ironic.tests.unit.db import base as db_base
from ironic.tests.unit.objects import utils as obj_utils
from oslo_utils import timeutils
from oslo_utils import uuidutils

from ironic_async_events.audit import observation
from ironic_async_events.command import metrics
from ironic_async_events.repairs import continuations
from ironic_async_events.repairs import locks
from ironic_async_events.repairs import orphans
from ironic_async_events.repairs import refused
from ironic_async_events.repairs import statements
from ironic_async_events.task import refusal

NUMBER = 200
LIMIT = 5000
STEP = {'interface': 'deploy', 'step': 'erase_devices', 'priority': 10}
INFO = {name: [STEP] * 12 for name in ('clean_steps', 'deploy_steps')}
CLEANING = (
    ('manage', 'enroll', 'verifying'),
    ('done', 'verifying', 'manageable'),
    ('provide', 'manageable', 'cleaning'),
    ('wait', 'cleaning', 'clean wait'),
    ('resume', 'clean wait', 'cleaning'),
    ('wait', 'cleaning', 'clean wait'),
)


class Task:
    """What asks for a lock."""


class MemoryTestCase(db_base.DbTestCase):
    """A node takes at most 5 kB, wherever the plugin keeps all nodes."""

    def node(self):
        return obj_utils.get_test_node(
            self.context,
            id=1,
            uuid=uuidutils.generate_uuid(),
            provision_state=states.CLEANING,
            provision_updated_at=timeutils.utcnow(True),
            # As it is read from a database: no two nodes share a value.
            driver_internal_info=json.loads(json.dumps(INFO)),
        )

    def read_as(self, node):
        return mock.patch.object(
            node_object.Node, 'get_by_uuid', lambda context, uuid: node
        )

    def assert_small(self, keep):
        """Let nodes be kept.

        :param keep: is called for each node
        """
        keep()
        gc.collect()
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        for _ in range(NUMBER):
            keep()
        gc.collect()
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        self.assertLess(size / NUMBER, LIMIT)

    def test_a_locked_node(self):
        held, reservations = [], locks.Reservations()

        def keep():
            node = self.node()
            held.append(refusal.Snapshot(node))
            task = Task()
            task.node_id = node.uuid
            held.append(task)
            found = types.SimpleNamespace(uuid=node.uuid)
            with locks.asking(task):
                reservations.ask(lambda: found)

        self.assert_small(keep)

    def test_a_refused_continuation(self):
        kept = continuations.Continuations(self)

        def keep():
            node = self.node()
            with self.read_as(node):
                one = refused.Refused(self.node, 0.0)
                kept.remember(self.context, node.uuid, one)
            self.assertIsNotNone(one.seen)

        self.assert_small(keep)

    def test_a_node_of_a_dead_conductor(self):
        self.useFixture(
            fixtures.MockPatchObject(
                statements, 'mark_reservation', lambda *args: True
            )
        )
        dbapi = types.SimpleNamespace(get_offline_conductors=lambda: ['dead'])
        kept = orphans.Orphans()

        def keep():
            node = self.node()
            node.reservation, node.extra = None, {'large': str(node) * 10}
            kept.add(node.uuid, 'dead')
            with self.read_as(node):
                kept.give_back(self.context, dbapi)
            self.assertIn(node.uuid, kept._given)

        self.assert_small(keep)

    def test_a_node_of_the_exporter(self):
        kept = metrics.Metrics()

        def keep():
            uuid = uuidutils.generate_uuid()
            for number, (event, before, after) in enumerate(CLEANING):
                seen = observation.Observation(
                    uuidutils.generate_uuid(),
                    *(uuid, 'provision_set', 'success', event, before, after),
                    publisher='ironic-conductor.host',
                    time=float(number),
                )
                kept.take([seen])

        self.assert_small(keep)
