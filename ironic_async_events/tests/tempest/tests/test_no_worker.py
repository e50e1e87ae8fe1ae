# SPDX-License-Identifier: Apache-2.0
"""Requests for which the conductor has no worker left."""

from tempest import config
from tempest.lib import decorators
from tempest.lib import exceptions as lib_exc

from ironic_async_events.tests.tempest.tests import base

CONF = config.CONF


class TestNoWorker(base.BaseTransitionTest):
    """A request that could not start never happened."""

    @classmethod
    def skip_checks(cls):
        super().skip_checks()
        if not CONF.async_events.workers:
            raise cls.skipException('[async_events] workers is not set')

    def _rescue(self, node):
        """Ask for a rescue; return whether there was a worker for it."""
        try:
            self.client.set_node_provision_state(
                node, 'rescue', rescue_password='secret'
            )
        except lib_exc.UnexpectedResponseCode as error:
            self.assertEqual(503, error.resp.status)
            return False
        return True

    @decorators.idempotent_id('6c3bb57c-9cf8-4d0b-8c0a-2f2f4f8a9c01')
    def test_a_node_is_as_before_when_its_request_gets_no_worker(self):
        nodes = [self.adopted() for _ in range(CONF.async_events.workers + 1)]
        started = [self._rescue(node) for node in nodes]
        self.assertIn(True, started)
        self.assertIn(False, started)
        for node, was_started in zip(nodes, started, strict=True):
            if was_started:
                self.reach(node, 'rescue')
                continue
            shown = self._show(node)
            self.assertEqual('active', shown['provision_state'])
            self.assertIsNone(shown['target_provision_state'])
            self.assertIsNone(shown['reservation'])
            self.assertNotIn('rescue_password', shown['instance_info'])
            self.assertIn('worker', shown['last_error'])
            self.assert_announced(node, *base.ADOPTED)
        # It was the conductor that could not, not the node.
        node = nodes[started.index(False)]
        self.assertTrue(self._rescue(node))
        self.reach(node, 'rescue')
