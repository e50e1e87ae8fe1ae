# SPDX-License-Identifier: Apache-2.0
"""Operations that wait and are aborted."""

from tempest import config
from tempest.lib import decorators

from ironic_async_events.tests.tempest.tests import base

CONF = config.CONF


class TestAborts(base.BaseTransitionTest):
    """Abort what waits; the fake interfaces of Ironic never do.

    A status says what the two states are, not how an operation went: from one
    at work to one at rest is ``end`` also for an abort, and between two of a
    kind it is ``success``. Only ``fail`` is an ``error``.
    """

    @classmethod
    def skip_checks(cls):
        super().skip_checks()
        if not CONF.async_events.waiting_interfaces:
            raise cls.skipException(
                '[async_events] waiting_interfaces is not set'
            )

    @decorators.idempotent_id('6c3bb57c-9cf8-4d0b-8c0a-2f2f4f8a9b01')
    def test_abort_cleaning(self):
        node = self.manageable(vendor=base.WAITING)
        self.go(
            node,
            'clean',
            'clean wait',
            clean_steps=[base.step('wait_in_cleaning')],
        )
        self.go(node, 'abort', 'clean failed')
        self.go(node, 'manage', 'manageable')
        self.assert_announced(
            node,
            *base.ENROLLED,
            'manageable -clean-> cleaning (start)',
            'cleaning -wait-> clean wait (success)',
            'clean wait -abort-> clean failed (end)',
            'clean failed -manage-> manageable (success)',
        )

    @decorators.idempotent_id('6c3bb57c-9cf8-4d0b-8c0a-2f2f4f8a9b02')
    def test_abort_a_service(self):
        node = self.adopted(vendor=base.WAITING)
        self.go(
            node,
            'service',
            'service wait',
            service_steps=[base.step('wait_in_service')],
        )
        self.go(node, 'abort', 'active')
        self.assert_announced(
            node,
            *base.ADOPTED,
            'active -service-> servicing (start)',
            'servicing -wait-> service wait (success)',
            'service wait -fail-> service failed (error)',
            'service failed -abort-> active (success)',
        )

    @decorators.idempotent_id('6c3bb57c-9cf8-4d0b-8c0a-2f2f4f8a9b03')
    def test_abort_a_rescue(self):
        node = self.adopted(rescue=base.WAITING)
        self.go(node, 'rescue', 'rescue wait', rescue_password='secret')
        self.go(node, 'abort', 'rescue failed')
        self.assert_announced(
            node,
            *base.ADOPTED,
            'active -rescue-> rescuing (start)',
            'rescuing -wait-> rescue wait (success)',
            'rescue wait -abort-> rescue failed (end)',
        )

    @decorators.idempotent_id('6c3bb57c-9cf8-4d0b-8c0a-2f2f4f8a9b04')
    def test_abort_an_inspection(self):
        node = self.manageable(inspect=base.WAITING)
        self.go(node, 'inspect', 'inspect wait')
        self.go(node, 'abort', 'inspect failed')
        self.assert_announced(
            node,
            *base.ENROLLED,
            'manageable -inspect-> inspecting (start)',
            'inspecting -wait-> inspect wait (success)',
            'inspect wait -abort-> inspect failed (end)',
        )

    @decorators.idempotent_id('6c3bb57c-9cf8-4d0b-8c0a-2f2f4f8a9b05')
    def test_tear_down_a_deployment_that_waits(self):
        node = self.manageable(deploy=base.WAITING)
        self.go(node, 'provide', 'available')
        self.go(node, 'active', 'wait call-back')
        self.go(node, 'deleted', 'available')
        self.assert_announced(
            node,
            *base.ENROLLED,
            'manageable -provide-> cleaning (start)',
            'cleaning -done-> available (end)',
            'available -deploy-> deploying (start)',
            'deploying -wait-> wait call-back (success)',
            'wait call-back -delete-> deleting (success)',
            'deleting -clean-> cleaning (success)',
            'cleaning -done-> available (end)',
        )
