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

    def _is_accepted(self, node, verb, **body):
        """Ask for an operation; return whether there was a worker for it."""
        try:
            self.client.set_node_provision_state(node, verb, **body)
        except lib_exc.UnexpectedResponseCode as error:
            self.assertEqual(503, error.resp.status)
            return False
        return True

    def _assert_untouched(self, node, state, *announced):
        shown = self._show(node)
        self.assertEqual(state, shown['provision_state'])
        self.assertIsNone(shown['target_provision_state'])
        self.assertIsNone(shown['reservation'])
        self.assertNotIn('rescue_password', shown['instance_info'])
        self.assertIn('worker', shown['last_error'])
        self.assert_announced(node, *announced)

    # That the nodes can be asked again is not asserted: a pool of Ironic
    # 39.0.0 that was once full turns everything away, idle as it may be.
    @decorators.idempotent_id('6c3bb57c-9cf8-4d0b-8c0a-2f2f4f8a9c01')
    def test_a_node_is_as_before_when_its_request_gets_no_worker(self):
        active = self.adopted()
        # Each holds a worker for as long as its power takes.
        accepted = []
        for _ in range(CONF.async_events.workers + 1):
            refused = self.enroll()
            if not self._is_accepted(refused, 'manage'):
                break
            accepted.append(refused)
        else:
            self.fail('there was a worker for every request')
        self.assertFalse(
            self._is_accepted(active, 'rescue', rescue_password='secret')
        )
        self._assert_untouched(refused, 'enroll')
        self._assert_untouched(active, 'active', *base.ADOPTED)
        for node in accepted:
            self.reach(node, 'manageable')
            self.assert_announced(node, *base.ENROLLED)
