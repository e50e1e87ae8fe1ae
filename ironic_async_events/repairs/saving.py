# SPDX-License-Identifier: Apache-2.0
"""Save a node with one UPDATE. Importing this configures the database.

``Node.save()`` reads the node, its tags and its traits before the UPDATE, and
reads them again after it, in another transaction. Here the UPDATE says
whether the rest of the row is as it was read. The row is read only if
somebody else has written it.
"""

from collections.abc import Mapping
import datetime
import functools
from typing import Any

from ironic.common import exception
from ironic.common import states
from ironic.db.sqlalchemy import api
from ironic.db.sqlalchemy import models
from ironic.objects import node as node_object
from oslo_config import cfg
from oslo_utils import timeutils
import sqlalchemy as sa

from ironic_async_events.patching import known
from ironic_async_events.repairs import statements
from ironic_async_events.task import database

CONF = cfg.CONF

_NODES: Any = models.NodeBase.__table__

FUNCTIONS = known.Functions(
    'nodes are saved in',
    {
        'ironic.objects.node.Node.save': (
            'c73b01d0118c4120',  # 29.0 and later
            'b591d14a208b5161',
        ),
        **known.READING,
        'ironic.objects.node.Node.do_version_changes_for_db': (
            '2295d668f513887c',
        ),
        'ironic.db.sqlalchemy.api.Connection.update_node': (
            'a401bf659d27811e',
        ),
        'ironic.db.sqlalchemy.api.Connection._do_update_node': (
            '2e40db36704b35bf',
            'c2b935113df787af',  # patched
        ),
    },
)

# ``Node.save()`` checks what these become, or sets them itself.
_NOT_PLAIN = frozenset(
    (
        *('conductor_group', 'created_at', 'id', 'instance_uuid', 'name'),
        *('inspection_finished_at', 'inspection_started_at', 'properties'),
        *('provision_updated_at', 'traits', 'updated_at', 'uuid'),
    )
)
# Nobody changes these, or they are not saved with a node.
_NOT_COMPARED = frozenset(('created_at', 'id', 'traits', 'uuid'))
_INSPECTS = (states.INSPECTING, states.INSPECTWAIT)


def save(node: Any) -> None:
    """Save what has changed on a plain node.

    The row and the object are afterwards what ``Node.save()`` would have made
    of them. Called by any thread that saves a node.

    :raises NodeNotFound: when the node has been deleted
    """
    row = {name: getattr(node, name) for name in node._changed_fields}
    row.update(updated_at=timeutils.utcnow(), version=node.VERSION)
    # Others may write the row of a node that is locked.
    was = {
        name: getattr(node, name)
        for name in set(node.fields) - node._changed_fields - _NOT_COMPARED
    }
    stored = update_node(node.id, row, was, bool(node.traits))
    if stored is None:
        raise exception.NodeNotFound(node=node.uuid)
    node._from_db_object(
        node._context, node, stored, set(node.fields).intersection(stored)
    )


def can_save(node: Any) -> bool:
    """Tell whether one UPDATE does all that ``Node.save()`` would do."""
    return (
        bool(node._changed_fields)
        and type(node) is node_object.Node
        and all(map(node.obj_attr_is_set, node.fields))
        and node.get_target_version() == node.VERSION
        and _NOT_PLAIN.isdisjoint(node._changed_fields)
        and not (node.traits and node.traits.obj_what_changed())
        and not any(
            len(text or '') > CONF.log_in_db_max_size
            for text in (node.last_error, node.maintenance_reason)
        )
        and FUNCTIONS.are_known()
        # Nobody has replaced it for this object alone.
        and 'update_node' not in vars(node.dbapi)
        and node_object.Node.indirection_api is None
    )


def _times(state: str, inspected: bool) -> dict[str, datetime.datetime | None]:
    """Return the times that change with a provision state."""
    now = timeutils.utcnow()
    times: dict[str, datetime.datetime | None] = {'provision_updated_at': now}
    if state == states.INSPECTING:
        times['inspection_started_at'] = now
        times['inspection_finished_at'] = None
    elif inspected and state == states.MANAGEABLE:
        times['inspection_finished_at'] = now
        times['inspection_started_at'] = None
    elif inspected and state == states.INSPECTFAIL:
        times['inspection_started_at'] = None
    return times


@database.retried
@api.wrap_sqlite_retry  # type: ignore[untyped-decorator]
def update_node(
    node_id: int,
    row: dict[str, Any],
    was: Mapping[str, Any],
    has_traits: bool,
) -> Mapping[str, Any] | None:
    """Write columns of a node; read the node if others have written it.

    Do not rename: because it has the name of the database API's method, a
    locked SQLite is retried without a limit.

    :param row: values by the names of their columns
    :param was: values of columns when the node was read
    :param has_traits: whether the node had traits then: they are read again
    :returns: what reading the row would give: of the columns that were
        written, or of all columns if somebody else has written some of them;
        None when there is no such node
    """
    # The UPDATE makes sure of it.
    inspected = was.get('inspection_started_at') is not None
    with database.transaction() as session:
        dialect = session.connection().dialect
        stored = _stored(row, inspected, dialect)
        values = {'number': node_id, 'inspected': inspected, **stored}
        for name, value in {**row, **was}.items():
            values[f'is_{name}'] = _bound(name, value, dialect)
        update = _if_only_we_change(
            frozenset(was),
            frozenset(row).difference(was),
            has_traits,
            dialect.name,
        )
        if session.execute(update, values).rowcount:
            if has_traits:
                stored['traits'] = statements.read_traits(session, node_id)
            return stored
        node = _NODES.c.id == node_id
        found = statements.read(session, node)
        if found is None:
            return None
        stored = _stored(row, found['provision_state'] in _INSPECTS, dialect)
        if any(
            found[name] != stored[name]
            for name in stored
            if name != 'updated_at'
        ):
            session.execute(sa.update(_NODES).where(node).values(stored))
            found = statements.read(session, node)
        return found


@functools.lru_cache
def _if_only_we_change(
    same: frozenset[str], new: frozenset[str], has_traits: bool, dialect: str
) -> Any:
    """Return the UPDATE of a node that has changed on our side only.

    ``updated_at`` has whole seconds: two writes in one look alike.
    """
    is_same, is_old = (
        [_is_unchanged(c, dialect) for c in _NODES.c if c.name in names]
        for names in (same, new)
    )
    update = sa.update(_NODES).where(
        _NODES.c.id == sa.bindparam('number'), *is_same
    )
    if not has_traits:
        update = update.where(~statements.HAS_TRAITS)
    if 'provision_state' in new:
        return update.where(
            _NODES.c.provision_state.in_(_INSPECTS)
            == sa.bindparam('inspected', type_=sa.Boolean)
        )
    # As on stock, a save that changes nothing leaves ``updated_at``.
    return update.where(sa.not_(sa.and_(*is_old)))


def _is_unchanged(column: Any, dialect: str) -> Any:
    kind, now = column.type, column
    if isinstance(kind, sa.types.TypeDecorator):
        # JSON is compared as text; what is empty may be NULL.
        kind = sa.Text()
        now = sa.func.coalesce(sa.type_coerce(column, kind), '{}')
    if dialect == 'mysql' and isinstance(kind, sa.String):
        # It takes texts for equal that differ in case or in spaces at the end.
        now = sa.cast(now, sa.LargeBinary)
    value = sa.bindparam(f'is_{column.name}', type_=kind)
    return now.is_not_distinct_from(value)


def _bound(name: str, value: Any, dialect: Any) -> Any:
    """Return a value of a node object as a column is compared with it."""
    kind = _NODES.c[name].type
    if isinstance(kind, sa.types.TypeDecorator):
        return kind.process_bind_param(value, dialect)
    if isinstance(value, datetime.datetime):
        return value.replace(tzinfo=None)
    return value


def _stored(
    row: dict[str, Any], inspected: bool, dialect: Any
) -> dict[str, Any]:
    """Return what reading a row would give after it was written.

    :param inspected: whether the node was inspected before
    """
    state = row.get('provision_state')
    times = _times(state, inspected) if state else {}
    return {
        name: _as_read_back(_NODES.c[name].type, value, dialect)
        for name, value in (row | times).items()
    }


def _as_read_back(kind: Any, value: Any, dialect: Any) -> Any:
    """Return what reading a column would give after a value was written."""
    if isinstance(kind, sa.types.TypeDecorator):
        # JSON: keys become strings, and tuples lists.
        text = kind.process_bind_param(value, dialect)
        return kind.process_result_value(text, dialect)
    if isinstance(value, datetime.datetime) and dialect.name == 'mysql':
        # The columns have seconds: MariaDB cuts the rest off, MySQL rounds
        # it.
        if not dialect.is_mariadb:
            value += datetime.timedelta(microseconds=500_000)
        return value.replace(microsecond=0)
    return value
