# SPDX-License-Identifier: Apache-2.0
"""Operations that ironic-tempest-plugin does not do on a fake node."""

from tempest.lib import decorators

from ironic_async_events.tests.tempest.tests import base


class TestTransitions(base.BaseTransitionTest):
    """The state after 202, and the order of the notifications."""

    @decorators.idempotent_id('6c3bb57c-9cf8-4d0b-8c0a-2f2f4f8a9a01')
    def test_adopt(self):
        node = self.adopted()
        self.assert_announced(node, *base.ADOPTED)

    @decorators.idempotent_id('6c3bb57c-9cf8-4d0b-8c0a-2f2f4f8a9a02')
    def test_rescue_and_unrescue(self):
        node = self.adopted()
        self.go(node, 'rescue', 'rescue', rescue_password='secret')
        self.go(node, 'unrescue', 'active')
        self.assert_announced(
            node,
            *base.ADOPTED,
            'active -rescue-> rescuing (start)',
            'rescuing -done-> rescue (end)',
            'rescue -unrescue-> unrescuing (start)',
            'unrescuing -done-> active (end)',
        )

    @decorators.idempotent_id('6c3bb57c-9cf8-4d0b-8c0a-2f2f4f8a9a03')
    def test_rebuild(self):
        node = self.adopted()
        self.go(node, 'rebuild', 'active')
        self.assert_announced(
            node,
            *base.ADOPTED,
            'active -rebuild-> deploying (start)',
            'deploying -done-> active (end)',
        )

    @decorators.idempotent_id('6c3bb57c-9cf8-4d0b-8c0a-2f2f4f8a9a04')
    def test_clean_by_hand(self):
        node = self.manageable()
        self.go(
            node,
            'clean',
            'manageable',
            clean_steps=[base.step('log_passthrough')],
        )
        self.assert_announced(
            node,
            *base.ENROLLED,
            'manageable -clean-> cleaning (start)',
            'cleaning -manage-> manageable (end)',
        )

    @decorators.idempotent_id('6c3bb57c-9cf8-4d0b-8c0a-2f2f4f8a9a05')
    def test_service(self):
        node = self.adopted()
        self.go(
            node,
            'service',
            'active',
            service_steps=[base.step('log_passthrough')],
        )
        self.assert_announced(
            node,
            *base.ADOPTED,
            'active -service-> servicing (start)',
            'servicing -done-> active (end)',
        )

    @decorators.idempotent_id('6c3bb57c-9cf8-4d0b-8c0a-2f2f4f8a9a06')
    def test_a_whole_life(self):
        node = self.manageable()
        self.go(node, 'inspect', 'manageable')
        self.go(node, 'provide', 'available')
        self.go(node, 'active', 'active')
        self.go(node, 'deleted', 'available')
        self.assert_announced(
            node,
            *base.ENROLLED,
            'manageable -inspect-> inspecting (start)',
            'inspecting -done-> manageable (end)',
            'manageable -provide-> cleaning (start)',
            'cleaning -done-> available (end)',
            'available -deploy-> deploying (start)',
            'deploying -done-> active (end)',
            'active -delete-> deleting (start)',
            'deleting -clean-> cleaning (success)',
            'cleaning -done-> available (end)',
        )
