# SPDX-License-Identifier: Apache-2.0
"""The table of the saves: every transition with every change beside it."""

from collections.abc import Iterator
import contextlib
import datetime
import functools
import itertools
from typing import Any

from ironic import objects
from ironic.common import release_mappings
from ironic.common import states
from ironic.conf import CONF

from ironic_async_events.audit import table
from ironic_async_events.tests.unit.compared import calls
from ironic_async_events.tests.unit.compared import troubles

_BEFORE = datetime.datetime(2025, 1, 2, 3, 4, 5)

#: What a request or a driver has changed on the node beside its state.
CHANGES: dict[str, dict[str, Any]] = {
    'nothing': {},
    'the same': {
        'last_error': 'an old error',
        'driver_internal_info': {'a': 1},
    },
    'texts': {
        'last_error': 'Größe: 4 €',
        'power_state': states.POWER_ON,
        'description': '',
    },
    'JSON': {
        'driver_internal_info': {'tuple': (1, 2), 3: {'none': None}},
        'instance_info': {},
        'deploy_step': None,
    },
    'flags': {
        'maintenance': True,
        'maintenance_reason': 'because',
        'automated_clean': None,
        'retired': False,
        'console_enabled': True,
    },
    'long texts': dict.fromkeys(
        ('last_error', 'maintenance_reason'), 'x' * 5000
    ),
    'properties': {'properties': {'cpus': 4, 'memory_mb': '8'}},
    'bad properties': {'properties': {'cpus': 'many'}},
    'names': {
        'name': 'renamed',
        'instance_uuid': '3b1d8f1e-7c33-4c0a-9b6b-52f0a6f3a1e5',
        'conductor_group': 'Upper',
    },
    'times': {'inspection_finished_at': _BEFORE},
    'a time to be': {'provision_updated_at': _BEFORE},
}

#: The changes that Ironic checks, or makes itself.
CHECKED = (
    *('long texts', 'properties', 'bad properties', 'names'),
    *('times', 'a time to be'),
)

_COLUMNS = {
    'name': 'before',
    'inspection_started_at': _BEFORE,
    'inspection_finished_at': _BEFORE,
    'last_error': 'an old error',
    'driver_internal_info': {'a': 1},
}
_TRANSITIONS = sorted(
    (before, after)
    for before, events in table.TRANSITIONS.items()
    for after in {*itertools.chain(*events.values())}
)
#: The saves that are made in troubles, too; the second changes no state.
SOME = (
    (states.INSPECTING, states.MANAGEABLE),
    (states.ACTIVE, states.ACTIVE),
)


def saves(changed: str, *transitions: tuple[str, str]) -> Iterator[calls.Call]:
    """Return the saves with a change, by default those of all transitions."""
    for before, after in transitions or _TRANSITIONS:
        yield calls.Call(
            f'{before} to {after}, changed: {changed}',
            functools.partial(_change, changed=changed, after=after),
            _save,
            {**_COLUMNS, 'provision_state': before},
            lambda node: node,
        )


def _change(bench: Any, changed: str, after: str) -> Any:
    node = objects.Node.get_by_uuid(bench.context, calls.UUID)
    for name, value in CHANGES[changed].items():
        setattr(node, name, value)
    if after != node.provision_state:
        node.provision_state = after
        node.target_provision_state = None
    return node


def _save(bench: Any, node: Any) -> Any:
    node.save()
    return node


@contextlib.contextmanager
def _with_traits(bench: Any) -> Iterator[None]:
    objects.TraitList.create(
        bench.context, bench.node_id, ['CUSTOM_A', 'CUSTOM_B']
    )
    yield


@contextlib.contextmanager
def _pinned(bench: Any) -> Iterator[None]:
    """Pin a release whose nodes have another version."""
    now = objects.Node.VERSION
    release = next(
        name
        for name, mapping in release_mappings.RELEASE_MAPPING.items()
        if now not in mapping['objects'].get('Node', [now])
    )
    CONF.set_override('pin_release_version', release)
    try:
        yield
    finally:
        CONF.clear_override('pin_release_version')


TROUBLES = (
    troubles.Trouble('the node has traits', around=_with_traits),
    troubles.Trouble('an older release is pinned', around=_pinned),
    *(row for row in troubles.writers() if row.name.endswith(' id')),
)
