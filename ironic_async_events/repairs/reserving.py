# SPDX-License-Identifier: Apache-2.0
"""Lock a node with one UPDATE and one read, unlock it with one UPDATE.

Ironic reads the node before both, in a transaction of its own, and reads the
tags of a node, which a node object does not have.
"""

from collections.abc import Callable
import functools
from typing import Any

from ironic import objects

from ironic_async_events.task import known

_WHAT = 'nodes are locked and unlocked in'

FUNCTIONS = known.Functions(
    _WHAT,
    {
        'ironic.objects.node.Node._set_from_db_object': (
            'ddba308bb001a202',  # 39.0 and later
            'e62cb4977f9eba81',
        ),
        'ironic.objects.node.Node._from_db_object': ('133cbb0383b2f458',),
        'ironic.objects.base.IronicObject._set_from_db_object': (
            '56f94f7d4c1b870a',
        ),
        'ironic.db.sqlalchemy.api.Connection.reserve_node': (
            '23d6ef224b8e30d6',
        ),
        'ironic.db.sqlalchemy.api.Connection._reserve_node_place_lock': (
            'da7a3fcc396c0ec8',  # 29.0 and later
            'f2b8a3732896c911',
        ),
        'ironic.db.sqlalchemy.api.Connection._get_node_reservation': (
            '3fcff2774f155328',
        ),
        'ironic.db.sqlalchemy.api.Connection.get_node_by_id': (
            '327744e21841072f',
        ),
        'ironic.db.sqlalchemy.api.Connection.release_node': (
            'b6335f7e39ee12f5',
        ),
    },
)
REPLACED = known.Functions(
    _WHAT,
    {
        'ironic.objects.node.Node.reserve': ('25ba49792facb3dd',),
        'ironic.objects.node.Node.release': ('ae42f6e156ddae59',),
    },
)


def _are_known(cls: Any) -> bool:
    """Tell whether Ironic's way is the one that was read."""
    return (
        cls is objects.Node
        and FUNCTIONS.are_known()
        # Not even for this object alone.
        and not {'reserve_node', 'release_node'} & vars(cls.dbapi).keys()
    )


def reserving(method: Any) -> Any:
    """Have a node locked with one UPDATE and one read.

    :param method: ``Node.reserve``, a class method; called by the thread that
        makes a task
    """
    if not REPLACED.is_known('ironic.objects.node.Node.reserve', method):
        return method
    original: Callable[..., Any] = method.__func__

    @functools.wraps(original)
    def reserve(cls: Any, context: Any, tag: str, node_id: int | str) -> Any:
        if not _are_known(cls):
            return original(cls, context, tag, node_id)
        # Configures the database.
        from ironic_async_events.repairs import statements

        row = statements.reserve_node(tag, node_id)
        return cls._from_db_object(context, cls(), row)

    return classmethod(reserve)


def releasing(method: Any) -> Any:
    """Have a node unlocked with one UPDATE.

    :param method: ``Node.release``, a class method; called by the thread that
        ends a task
    """
    if not REPLACED.is_known('ironic.objects.node.Node.release', method):
        return method
    original: Callable[..., Any] = method.__func__

    @functools.wraps(original)
    def release(cls: Any, context: Any, tag: str, node_id: int | str) -> None:
        if not _are_known(cls):
            original(cls, context, tag, node_id)
            return
        # Configures the database.
        from ironic_async_events.repairs import statements

        statements.release_node(tag, node_id)

    return classmethod(release)
