# SPDX-License-Identifier: Apache-2.0
"""What the tests of this package have in common."""

import datetime
import time

from ironic_tempest_plugin.common import waiters
from ironic_tempest_plugin.tests.api import base
from tempest.lib import exceptions as lib_exc
from tempest.lib.common.utils import test_utils

from ironic_async_events.tests.tempest import notifications

# A node on which every operation ends at once, and none is refused.
_INTERFACES = ('bios', 'boot', 'deploy', 'inspect', 'management', 'power')
_MORE = ('raid', 'rescue', 'vendor')
# Nobody fetches it; Ironic 39.0.0 answers a rebuild without one with 500.
_IMAGE = {'image_source': 'http://127.0.0.1:9/image', 'image_checksum': '0'}

#: Interfaces whose operations wait.
WAITING = 'async-events-waiting'

ENROLLED = [
    'enroll -manage-> verifying (start)',
    'verifying -done-> manageable (end)',
]
ADOPTED = [
    *ENROLLED,
    'manageable -adopt-> adopting (start)',
    'adopting -done-> active (end)',
]


def step(name):
    """Describe a step of the vendor interface."""
    return {'interface': 'vendor', 'step': name, 'args': {}}


class BaseTransitionTest(base.BaseBaremetalTest):
    """Operations on a node of its own, and what they announce."""

    # Servicing, the youngest verb of all.
    min_microversion = '1.87'

    @classmethod
    def resource_setup(cls):
        super().resource_setup()
        cls.listener = notifications.Listener()
        cls.addClassResourceCleanup(cls.listener.stop)
        cls.listener.start()

    def enroll(self, **interfaces):
        """Create a node with fake interfaces.

        :param interfaces: others than the fake ones, by kind.
        :returns: its UUID.
        """
        chosen = dict.fromkeys((*_INTERFACES, *_MORE), 'fake') | interfaces
        try:
            _, node = self.client.create_node_raw(
                driver=self.driver,
                network_interface='noop',
                instance_info=_IMAGE,
                **{f'{kind}_interface': name for kind, name in chosen.items()},
            )
        except lib_exc.BadRequest as error:
            self.skipTest(f'Ironic does not offer what is needed: {error}')
        uuid = node['uuid']
        self.addCleanup(self._remove, uuid)
        return uuid

    def manageable(self, **interfaces):
        """Create a node and bring it to ``manageable``."""
        uuid = self.enroll(**interfaces)
        self.go(uuid, 'manage', 'manageable')
        return uuid

    def adopted(self, **interfaces):
        """Create a node and bring it to ``active`` without a deployment."""
        uuid = self.manageable(**interfaces)
        self.go(uuid, 'adopt', 'active')
        return uuid

    def ask(self, uuid, verb, **body):
        """Ask for an operation, and assert that it has begun.

        After 202, whoever asks next must not see the state from before: a
        poller would take it for the end. An operation may be over by then and
        have led back there; then the state has been written since.

        :param uuid: of the node.
        :param verb: the target of the request.
        :param body: the rest of the request.
        """
        before = self._show(uuid)
        self._wait_for_next_second(before['provision_updated_at'])
        response, _ = self.client._put_request(
            f'nodes/{uuid}/states/provision', {'target': verb, **body}
        )
        self.assertEqual(202, response.status)
        after = self._show(uuid)
        self.assertNotEqual(
            (before['provision_state'], before['provision_updated_at']),
            (after['provision_state'], after['provision_updated_at']),
            f'{verb} was accepted, and the node is as before',
        )

    def go(self, uuid, verb, state, **body):
        """Ask for an operation, and wait until it has led to a state."""
        self.ask(uuid, verb, **body)
        self.reach(uuid, state)

    def reach(self, uuid, state):
        """Wait until the node is in a state and nobody holds its lock."""
        waiters.wait_for_bm_node_status(
            self.client, uuid, 'provision_state', state, timeout=120
        )
        waiters.wait_for_bm_node_status(
            self.client, uuid, 'reservation', None, timeout=120
        )

    def assert_announced(self, uuid, *expected):
        """Assert what was announced of a node, and in which order."""
        if not self.listener.listens:
            return
        wanted = [*expected]
        self.assertEqual(wanted, self.listener.heard(uuid, len(wanted)))

    def _show(self, uuid):
        _, node = self.client.show_node(uuid)
        return node

    def _remove(self, uuid):
        # In whatever state it is.
        self.client._put_request(f'nodes/{uuid}/maintenance', {})
        self.client.delete_node(uuid)

    @staticmethod
    def _wait_for_next_second(stamp):
        """Databases keep whole seconds: let the next stamp be another."""
        if stamp is None:
            return
        last = datetime.datetime.fromisoformat(stamp).timestamp()
        test_utils.call_until_true(lambda: time.time() >= last + 1, 2, 0.1)
