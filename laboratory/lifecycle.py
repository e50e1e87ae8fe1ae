# SPDX-License-Identifier: Apache-2.0
"""One life of a node: every operation that ``fake-hardware`` can end.

What it cannot: RESCUEWAIT and INSPECTWAIT are never entered by the fake
interfaces; an abort from a hold or wait state is only noted down, because no
fake step is abortable; a ``hold`` step is dropped by Ironic 39.0.0 when all
steps of the request are valid, which is why the one here stands before a
step that does not exist; and a ``wait`` step leaves the node in ``servicing``.
The service of older releases ends in fewer ways: see :func:`life`.
"""

from collections.abc import Mapping
import dataclasses
import importlib.metadata
from typing import Any

_LOG = {'interface': 'vendor', 'step': 'log_passthrough'}
_WAIT = {'interface': 'vendor', 'step': 'trigger_servicewait'}
_HOLD = {'interface': 'vendor', 'step': 'hold'}
_MISSING = {'interface': 'vendor', 'step': 'no_such_step'}
_PASSWORD = {'rescue_password': 'secret'}


def _bios(**setting: str) -> dict[str, Any]:
    step = {'interface': 'bios', 'step': 'apply_configuration'}
    return {**step, 'args': {'settings': [setting]}}


@dataclasses.dataclass(frozen=True, slots=True)
class Operation:
    """A request; its name tells two operations with one verb apart."""

    verb: str
    start: str
    end: str
    name: str = ''
    arguments: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __str__(self) -> str:
        return self.name or self.verb


def _clean(end: str, name: str, *steps: Mapping[str, Any]) -> Operation:
    more = {'clean_steps': [*steps]}
    return Operation('clean', 'manageable', end, name, more)


def _service(
    end: str, name: str, *steps: Mapping[str, Any], start: str = 'active'
) -> Operation:
    return Operation('service', start, end, name, {'service_steps': [*steps]})


CLEAN = _clean('manageable', '', _bios(name='boot', value='uefi'), _LOG)
SERVICE = _service('active', '', _LOG)
INSPECT = Operation('inspect', 'manageable', 'manageable')
REBUILD = Operation('rebuild', 'active', 'active')

_FIRST = (
    Operation('manage', 'enroll', 'manageable'),
    INSPECT,
    CLEAN,
    _clean('clean failed', 'clean, failing', _bios(setting='without a name')),
    Operation('manage', 'clean failed', 'manageable', 'manage, failed clean'),
    Operation('provide', 'manageable', 'available'),
    Operation('active', 'available', 'active'),
    REBUILD,
    Operation('rescue', 'active', 'rescue', arguments=_PASSWORD),
    Operation('rescue', 'rescue', 'rescue', 'rescue again', _PASSWORD),
    Operation('unrescue', 'rescue', 'active'),
    SERVICE,
    _service('service failed', 'service, failing', _MISSING),
)
_SERVICE_FAILED = (
    Operation('abort', 'service failed', 'active'),
    _service('service hold', 'service, holding', _HOLD, _MISSING),
    Operation('unhold', 'service hold', 'service failed'),
    Operation('abort', 'service failed', 'active', 'abort after hold'),
)
_SERVICE_WAITING = (
    _service('service wait', 'service, waiting', _WAIT),
    Operation('deleted', 'service wait', 'available', 'delete while waiting'),
)
_LAST = (
    Operation('manage', 'available', 'manageable', 'manage, available'),
    Operation('adopt', 'manageable', 'active'),
    Operation('deleted', 'active', 'available'),
)


def life(ironic: int) -> tuple[Operation, ...]:
    """Compose the life of a node.

    Up to Ironic 29, a service that failed cannot be aborted, so that it is
    repeated, and one on hold cannot fail; up to 26, a node that waits for
    its service cannot be torn down.

    :param ironic: the first number of Ironic's version.
    :returns: operations, each of which starts in the state in which the one
        before ended; the first starts in ``enroll``.
    """
    failed, waiting = _SERVICE_FAILED, _SERVICE_WAITING
    if ironic < 32:
        failed = (
            _service('active', 'service again', _LOG, start='service failed'),
        )
    if ironic < 29:
        waiting = (
            Operation('deleted', 'active', 'available', 'delete, serviced'),
        )
    return _FIRST + failed + waiting + _LAST


def here() -> tuple[Operation, ...]:
    """Return the life for the Ironic that is installed beside this Python."""
    return life(int(importlib.metadata.version('ironic').partition('.')[0]))


LIFE = life(39)
"""Every operation that there is."""


def operation(name: str) -> Operation:
    return next(one for one in LIFE if str(one) == name)


SHORT_LIFE = LIFE[:6]
"""Up to the first rest in ``available``, from where a node can be deleted."""

INSTANCE_INFO = {'image_source': 'http://127.0.0.1/image'}
"""What ``rebuild`` wants to find; nobody fetches it.

A tear-down wipes it; ``adopt`` does without.
"""
