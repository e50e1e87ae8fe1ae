# SPDX-License-Identifier: Apache-2.0
"""Interfaces for ``fake-hardware`` whose operations wait, to be aborted.

Ironic's own fake interfaces end at once. These are entry points with the name
``async-events-waiting``, loaded only by an Ironic that enables them.
"""

from typing import Any

from ironic.common import states
from ironic.drivers import base
from ironic.drivers.modules import fake


class WaitingDeploy(fake.FakeDeploy):
    """A deployment that waits for an agent that never calls."""

    @base.deploy_step(priority=100, abortable=True)
    def deploy(self, task: Any) -> str:
        return states.DEPLOYWAIT


class WaitingInspect(fake.FakeInspect):
    def inspect_hardware(self, task: Any) -> str:
        return states.INSPECTWAIT

    def abort(self, task: Any) -> None:
        pass


class WaitingRescue(fake.FakeRescue):
    def rescue(self, task: Any) -> str:
        return states.RESCUEWAIT

    def clean_up(self, task: Any) -> None:
        pass


class WaitingVendor(fake.FakeVendorB):
    @base.clean_step(priority=0, abortable=True)
    def wait_in_cleaning(self, task: Any) -> str:
        return states.CLEANWAIT

    @base.service_step(abortable=True)
    def wait_in_service(self, task: Any) -> str:
        return states.SERVICEWAIT
