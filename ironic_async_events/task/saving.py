# SPDX-License-Identifier: Apache-2.0
"""Save a state with one UPDATE.

``Node.save()`` reads the node, its tags and its traits before the UPDATE, and
reads them again after it, in another transaction. A worker holds the lock of
its node and knows what it writes. So the UPDATE says whether the rest of the
row is as it was read. The row is read only if somebody else has written it.
"""

import datetime
from typing import Any

from ironic.common import exception
from ironic.common import states
from ironic.objects import node as node_object
from oslo_config import cfg
from oslo_utils import timeutils

from ironic_async_events.patching import known
from ironic_async_events.task import database

CONF = cfg.CONF

FUNCTIONS = known.Functions(
    'states are saved in',
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
        ),
    },
)

# ``Node.save()`` checks what these become, or sets them itself.
_NOT_PLAIN = frozenset(
    (
        'conductor_group',
        'created_at',
        'id',
        'inspection_finished_at',
        'inspection_started_at',
        'instance_uuid',
        'name',
        'properties',
        'provision_updated_at',
        'traits',
        'updated_at',
        'uuid',
    )
)


# Nobody changes these, or they are not saved with a node.
_NOT_COMPARED = frozenset(('created_at', 'id', 'traits', 'uuid'))


def changed_fields(node: Any) -> set[str]:
    """Return the names of the fields that the next save would write."""
    try:
        # obj_what_changed() would look into every field for an object that
        # has changed itself; no field that is saved with a node has one.
        return set(node._changed_fields)
    except (AttributeError, TypeError):
        names: set[str] = node.obj_what_changed()
        return names


def save(node: Any, previous_state: str | None) -> None:
    """Save a node whose provision state has changed.

    The row and the object are afterwards what ``Node.save()`` would have made
    of them. Called by the worker, which holds the lock on the node.

    :param node: the node, with its new provision state
    :param previous_state: its provision state in the database
    :raises NodeNotFound: when the node has been deleted
    """
    if not (is_plain(node) and is_known(node)):
        save_as_ironic_does(node)
        return
    from ironic_async_events.task import statements  # configures the database

    changed = changed_fields(node)
    row = {name: getattr(node, name) for name in changed}
    row.update(_times(node.provision_state, previous_state))
    row['version'] = node.VERSION
    # Others may write the row of a node that is locked.
    was = {
        name: getattr(node, name)
        for name in set(node.fields) - changed - _NOT_COMPARED
    }
    stored = statements.update_node(node.id, row, was)
    if stored is None:
        raise exception.NodeNotFound(node=node.uuid)
    node._from_db_object(
        node._context,
        node,
        stored,
        set(node.fields).intersection(stored) - {'traits'},
    )


def save_as_ironic_does(node: Any) -> None:
    """Save a node that has more to it than a state. Called by the worker."""
    if database.is_open():
        # Configures the database.
        from ironic_async_events.task import statements

        statements.lock_for_writing()
    database.retried(node.save)()


def is_plain(node: Any) -> bool:
    """Tell whether one UPDATE does all that ``Node.save()`` would do."""
    return (
        type(node) is node_object.Node
        and node.get_target_version() == node.VERSION
        and _NOT_PLAIN.isdisjoint(changed_fields(node))
        and not (node.traits and node.traits.obj_what_changed())
        and not any(
            len(text or '') > CONF.log_in_db_max_size
            for text in (node.last_error, node.maintenance_reason)
        )
    )


def is_known(node: Any) -> bool:
    """Tell whether ``Node.save()`` would do what was read in it."""
    return (
        FUNCTIONS.are_known()
        # Not even for this object alone.
        and 'update_node' not in vars(node.dbapi)
        and node_object.Node.indirection_api is None
    )


def _times(
    state: str | None, previous_state: str | None
) -> dict[str, datetime.datetime | None]:
    """Return the times that change with a provision state."""
    now = timeutils.utcnow()
    times: dict[str, datetime.datetime | None] = {
        'updated_at': now,
        'provision_updated_at': now,
    }
    inspected = previous_state in (states.INSPECTING, states.INSPECTWAIT)
    if state == states.INSPECTING:
        times['inspection_started_at'] = now
        times['inspection_finished_at'] = None
    elif inspected and state == states.MANAGEABLE:
        times['inspection_finished_at'] = now
        times['inspection_started_at'] = None
    elif inspected and state == states.INSPECTFAIL:
        times['inspection_started_at'] = None
    return times
