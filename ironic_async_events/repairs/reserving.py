# SPDX-License-Identifier: Apache-2.0
"""Lock a node with one UPDATE and one read, unlock it with one UPDATE.

Ironic reads the node before both, in a transaction of its own, and reads the
tags of a node, which a node object does not have. A task reads the node once
more before it locks it, for the UUID in a line of the log.
"""

from collections.abc import Callable
import functools
import threading
import types
from typing import Any

from ironic import objects
from oslo_utils import uuidutils

from ironic_async_events.patching import known

_WHAT = 'nodes are locked and unlocked in'

FUNCTIONS = known.Functions(
    _WHAT,
    {
        **known.READING,
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
        'ironic.objects.node.Node.reserve': (
            '25ba49792facb3dd',
            '0b95aa9d5a9cd95a',  # patched
        ),
        'ironic.objects.node.Node.release': ('ae42f6e156ddae59',),
        'ironic.objects.node.Node.get': (
            'a676f8a54652d1e3',  # 39.0 and later
            '12a2c32b03444677',  # 32.0 and later
            'b7b2e3193e25a6b9',
        ),
        'ironic.conductor.task_manager.TaskManager.__init__': (
            'a7ed856e427814aa',  # 35.0 and later
            '56063bb9e392b25f',
            'c595b8028bffb548',  # patched: 35.0 and later
        ),
    },
)
_here = threading.local()


def _are_known(cls: Any) -> bool:
    """Tell whether Ironic's way is the one that was read."""
    return (
        cls is objects.Node
        and FUNCTIONS.are_known()
        # Nobody has replaced them for this object alone.
        and not {'reserve_node', 'release_node'} & vars(cls.dbapi).keys()
    )


def reserving(method: Any) -> Any:
    """Have a node locked with one UPDATE and one read.

    :param method: ``Node.reserve``, a class method; called by the thread that
        makes a task
    """

    def reserve(cls: Any, context: Any, tag: str, node_id: int | str) -> Any:
        # Configures the database.
        from ironic_async_events.repairs import statements

        return statements.reserve_node(
            tag, node_id, lambda row: cls._from_db_object(context, cls(), row)
        )

    return _instead('reserve', method, reserve)


def releasing(method: Any) -> Any:
    """Have a node unlocked with one UPDATE.

    :param method: ``Node.release``, a class method; called by the thread that
        ends a task
    """

    def release(cls: Any, context: Any, tag: str, node_id: int | str) -> None:
        # Configures the database.
        from ironic_async_events.repairs import statements

        statements.release_node(tag, node_id)

    return _instead('release', method, release)


def making(method: Callable[..., None]) -> Callable[..., None]:
    """Have a task not read its node before it locks it.

    :param method: ``TaskManager.__init__``
    """
    name = 'ironic.conductor.task_manager.TaskManager.__init__'
    if not REPLACED.is_known(name, method):
        return method

    @functools.wraps(method)
    def make(
        self: Any,
        context: Any,
        node_id: int | str,
        shared: bool = False,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        _here.names = not shared and uuidutils.is_uuid_like(node_id)
        try:
            method(self, context, node_id, shared, *args, **kwargs)
        finally:
            _here.names = False

    return make


def naming(method: Any) -> Any:
    """Answer a task that asks for nothing but the UUID of its node.

    :param method: ``Node.get``, a class method; called by any thread
    """

    def get(cls: Any, context: Any, node_id: int | str) -> Any:
        if not getattr(_here, 'names', False):
            return method.__func__(cls, context, node_id)
        _here.names = False
        return types.SimpleNamespace(uuid=node_id)

    return _instead('get', method, get)


def _instead(name: str, method: Any, shorter: Callable[..., Any]) -> Any:
    """Return a method that takes the shorter way where Ironic is known."""
    if not REPLACED.is_known(f'ironic.objects.node.Node.{name}', method):
        return method
    original: Callable[..., Any] = method.__func__

    @functools.wraps(original)
    def wrapper(cls: Any, *args: Any, **kwargs: Any) -> Any:
        way = shorter if _are_known(cls) else original
        return way(cls, *args, **kwargs)

    return classmethod(wrapper)
