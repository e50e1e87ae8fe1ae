# SPDX-License-Identifier: Apache-2.0
"""One life of a node: every operation that ``fake-hardware`` can end.

What it cannot: RESCUEWAIT and INSPECTWAIT are never entered by the fake
interfaces; an abort from a hold or wait state is only noted down, because no
fake step is abortable; a ``hold`` step is dropped by Ironic 39.0.0 when all
steps of the request are valid, which is why the one here stands before a
step that does not exist; and a ``wait`` step leaves the node in ``servicing``.
"""

from collections.abc import Mapping
import dataclasses
from typing import Any

_LOG = {'interface': 'vendor', 'step': 'log_passthrough'}
_WAIT = {'interface': 'vendor', 'step': 'trigger_servicewait'}
_HOLD = {'interface': 'vendor', 'step': 'hold'}
_MISSING = {'interface': 'vendor', 'step': 'no_such_step'}


def _bios(setting: Mapping[str, str]) -> dict[str, Any]:
    return {
        'interface': 'bios',
        'step': 'apply_configuration',
        'args': {'settings': [dict(setting)]},
    }


@dataclasses.dataclass(frozen=True, slots=True)
class Operation:
    """One request for a change of provision state.

    :param verb: what is asked for, as the API names it.
    :param start: the state that the request finds.
    :param end: the state in which the node comes to rest.
    :param name: tells two operations with one verb apart.
    :param arguments: more arguments of ``set_provision_state()``.
    """

    verb: str
    start: str
    end: str
    name: str = ''
    arguments: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __str__(self) -> str:
        return self.name or self.verb


CLEAN = Operation(
    'clean',
    'manageable',
    'manageable',
    arguments={
        'clean_steps': [_bios({'name': 'boot', 'value': 'uefi'}), _LOG]
    },
)
SERVICE = Operation(
    'service', 'active', 'active', arguments={'service_steps': [_LOG]}
)
INSPECT = Operation('inspect', 'manageable', 'manageable')
REBUILD = Operation('rebuild', 'active', 'active')

LIFE = (
    Operation('manage', 'enroll', 'manageable'),
    INSPECT,
    CLEAN,
    Operation(
        'clean',
        'manageable',
        'clean failed',
        'clean, failing',
        {'clean_steps': [_bios({'setting': 'without a name'})]},
    ),
    Operation('manage', 'clean failed', 'manageable', 'manage, failed clean'),
    Operation('provide', 'manageable', 'available'),
    Operation('active', 'available', 'active'),
    REBUILD,
    Operation(
        'rescue', 'active', 'rescue', arguments={'rescue_password': 'secret'}
    ),
    Operation(
        'rescue',
        'rescue',
        'rescue',
        'rescue again',
        {'rescue_password': 'secret'},
    ),
    Operation('unrescue', 'rescue', 'active'),
    SERVICE,
    Operation(
        'service',
        'active',
        'service failed',
        'service, failing',
        {'service_steps': [_MISSING]},
    ),
    Operation('abort', 'service failed', 'active'),
    Operation(
        'service',
        'active',
        'service hold',
        'service, holding',
        {'service_steps': [_HOLD, _MISSING]},
    ),
    Operation('unhold', 'service hold', 'service failed'),
    Operation('abort', 'service failed', 'active', 'abort after hold'),
    Operation(
        'service',
        'active',
        'service wait',
        'service, waiting',
        {'service_steps': [_WAIT]},
    ),
    Operation('deleted', 'service wait', 'available', 'delete while waiting'),
    Operation('manage', 'available', 'manageable', 'manage, available'),
    Operation('adopt', 'manageable', 'active'),
    Operation('deleted', 'active', 'available'),
)
"""In this order; each starts in the state in which the one before ended."""

SHORT_LIFE = LIFE[:6]
"""Up to the first rest in ``available``, from where a node can be deleted."""

INSTANCE_INFO = {'image_source': 'http://127.0.0.1/image'}
"""What ``rebuild`` wants to find; nobody fetches it.

A tear-down wipes it; ``adopt`` does without.
"""
