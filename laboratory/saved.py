# SPDX-License-Identifier: Apache-2.0
"""Compare two ways to save a state: the row and the object afterwards.

Goes through all cases and prints what differs.
"""

from collections.abc import Callable
from collections.abc import Iterator
import datetime
import itertools
import sys
from typing import Any
from typing import NamedTuple
from unittest import mock

from ironic import objects
from ironic.common import context
from ironic.common import release_mappings
from ironic.common import states
from ironic.conf import CONF
from ironic.db.sqlalchemy import api
from ironic.db.sqlalchemy import models
from oslo_utils import timeutils
import sqlalchemy as sa

from ironic_async_events.audit import table
from ironic_async_events.repairs import saves
from ironic_async_events.repairs import saving
from laboratory import command

NOW = datetime.datetime(2026, 2, 3, 4, 5, 6, 765432)
"""The time at which a node is saved."""

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

#: The state in which the node is when everything about it is compared.
_ONE = (states.INSPECTING, states.MANAGEABLE)
_SAME = (states.ACTIVE, states.ACTIVE)


class Case(NamedTuple):
    previous_state: str
    state: str
    changed: str
    traits: bool = False
    pinned: bool = False
    gone: bool = False


def cases() -> Iterator[Case]:
    """Return every transition with every change, and the rest."""
    transitions = {
        (before, after)
        for before, events in table.TRANSITIONS.items()
        for results in events.values()
        for after in results
    }
    for step, changed in itertools.product(sorted(transitions), CHANGES):
        yield Case(*step, changed)
    for changed in CHANGES:
        yield Case(*_ONE, changed, traits=True)
        yield Case(*_ONE, changed, pinned=True)
    yield Case(*_ONE, 'nothing', gone=True)
    for changed in CHANGES.keys() - {'nothing'}:
        yield Case(*_SAME, changed)
        yield Case(*_SAME, changed, traits=True)
    yield Case(*_SAME, 'texts', gone=True)


def _older_release() -> str:
    """Return a release whose nodes have another version."""
    for name, mapping in release_mappings.RELEASE_MAPPING.items():
        versions = mapping['objects'].get('Node', [objects.Node.VERSION])
        if objects.Node.VERSION not in versions:
            return str(name)
    raise LookupError('all releases have this version of a node')


class Bench:
    """A database with one node, which is saved again and again."""

    def __init__(self) -> None:
        #: How many cases were saved by one UPDATE.
        self.short = 0
        self._context = context.get_admin_context()
        self._pin = _older_release()
        self._table: Any = models.NodeBase.__table__
        node = objects.Node(self._context, driver='fake-hardware', uuid=_UUID)
        node.create()
        self._row = self._read(node.id) | {
            'name': 'before',
            'updated_at': _BEFORE,
            'provision_updated_at': _BEFORE,
            'inspection_started_at': _BEFORE,
            'inspection_finished_at': _BEFORE,
            'last_error': 'an old error',
            'driver_internal_info': {'a': 1},
        }

    def differences(self, case: Case) -> list[str]:
        expected = self._outcome(case, objects.Node.save)
        actual = self._outcome(case, self._save)
        return [
            f'{case}: {name} is {actual.get(name)!r}, not {value!r}'
            for name, value in expected.items()
            if actual.get(name) != value
        ]

    def _save(self, node: Any) -> None:
        self.short += saving.can_save(node)
        saves.in_one_update(objects.Node.save)(node)

    def _outcome(
        self, case: Case, save: Callable[[Any], None]
    ) -> dict[str, Any]:
        pin = self._pin if case.pinned else None
        CONF.set_override('pin_release_version', pin)
        node = self._prepared(case)
        if case.gone:
            self._delete()
        outcome: dict[str, Any] = {}
        try:
            with mock.patch.object(
                timeutils, 'utcnow', autospec=True, return_value=NOW
            ):
                save(node)
        except Exception as e:
            outcome['error'] = f'{type(e).__name__}: {e}'
        row = self._read(node.id)
        outcome |= {f'column {name}': row[name] for name in row}
        for name in node.fields:
            value = getattr(node, name)
            if name == 'traits' and value is not None:
                value = value.get_trait_names()
            outcome[f'field {name}'] = value
        outcome['version of the object'] = node.VERSION
        # What the next save would write.
        outcome['changes'] = node.obj_what_changed()
        return outcome

    def _prepared(self, case: Case) -> Any:
        self._delete()
        row = self._row | {'provision_state': case.previous_state}
        with api._session_for_write() as session:
            session.execute(sa.insert(self._table).values(row))
        if case.traits:
            objects.TraitList.create(
                self._context, self._row['id'], ['CUSTOM_A', 'CUSTOM_B']
            )
        node = objects.Node.get_by_uuid(self._context, _UUID)
        for name, value in CHANGES[case.changed].items():
            setattr(node, name, value)
        if case.state != case.previous_state:
            node.provision_state = case.state
            node.target_provision_state = None
        return node

    def _delete(self) -> None:
        with api._session_for_write() as session:
            for table in (models.NodeTrait.__table__, self._table):
                session.execute(sa.delete(table))

    def _read(self, node_id: int) -> dict[str, Any]:
        query = sa.select(self._table).where(self._table.c.id == node_id)
        with api._session_for_read() as session:
            row = session.execute(query).first()
        return dict(row._mapping) if row is not None else {}


_UUID = 'd0a5c4e0-3a43-4a51-a4cb-6a1a7f5a0b6e'


def main() -> int:
    parser = command.parser('saved', __doc__)
    parser.add_argument('url', help='of an empty database, for SQLAlchemy')
    url = parser.parse_args().url

    from ironic.db import migration

    CONF([], project='ironic', default_config_files=[])
    CONF.set_override('connection', url, 'database')
    migration.create_schema()
    objects.register_all()
    bench = Bench()
    found = [bench.differences(case) for case in cases()]
    different = [lines for lines in found if lines]
    for lines in different:
        print(*lines, sep='\n')
    print(
        f'{len(found)} cases, {bench.short} of them saved by one UPDATE; '
        f'{len(different)} differ'
    )
    return int(bool(different))


if __name__ == '__main__':
    sys.exit(main())
