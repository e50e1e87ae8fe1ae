# SPDX-License-Identifier: Apache-2.0
"""Retry the nodes of a dead conductor that a pass could not take over."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
import functools
import itertools
from typing import Any
import weakref

from ironic.common import exception
import wrapt

from ironic_async_events.task import orphans


def found_again(method: Callable[..., None]) -> Callable[..., None]:
    """Make the next pass retry the nodes that a pass could not take over.

    Ironic removes the reservations of all orphans first, and ends the pass
    with the first error. So the pass is made for one node after the other:
    a node that fails holds up no other.

    :param method: ``ConductorManager._check_orphan_nodes``; called by the
        thread of the periodic task
    :returns: the replacement
    """

    @functools.wraps(method)
    def wrapper(self: Any, context: Any) -> None:
        kept = _KEPT.setdefault(self, _Marked())
        kept.begin(context, self.dbapi)
        watched = _OneByOne(self, kept)
        while True:
            watched._self_orphan = None
            try:
                method(watched, context)
            except Exception as e:
                if watched._self_orphan is None:
                    raise
                kept.failed(watched._self_orphan, e)
            if watched._self_orphan is None:
                return
            kept.give_back(context, self.dbapi)

    return wrapper


class _Marked(orphans.Orphans):
    """Marks the reservations that it gives back.

    The time of a change has whole seconds on MySQL and MariaDB: a conductor
    that is back may lock the node within the same second. So a reservation
    that is given back has the time of the node's last transition, in the same
    statement, and only a reservation with this time is removed.
    """

    def _give(self, context: Any, host: str, node: Any) -> Any:
        from ironic_async_events.task import statements  # sets up the database

        mark = node.provision_updated_at or node.created_at
        if not statements.mark_reservation(node.id, None, host, mark):
            raise exception.NodeLocked(node=node.uuid, host=host)
        node.reservation = host
        return node

    def _take(self, context: Any, host: str, given: Any) -> bool:
        from ironic_async_events.task import statements  # sets up the database

        mark = given.provision_updated_at or given.created_at
        return statements.mark_reservation(given.id, host, None, mark)


class _OneByOne(wrapt.ObjectProxy):  # type: ignore[misc]
    """The conductor, which finds one orphan at a time.

    :param conductor: Ironic's ``ConductorManager``
    :param kept: is told of each orphan
    """

    def __init__(self, conductor: Any, kept: orphans.Orphans) -> None:
        super().__init__(conductor)
        self._self_kept = kept
        self._self_rows: Iterator[Any] | None = None
        # The UUID of the orphan whose turn it is.
        self._self_orphan: str | None = None
        self._self_dbapi = _AskedOnce(conductor.dbapi)

    @property
    def dbapi(self) -> Any:
        """See Ironic."""
        return self._self_dbapi

    def iter_nodes(
        self, fields: Sequence[str] | None = None, **kwargs: Any
    ) -> Iterator[Any]:
        """See Ironic; yields the next of the rows with a reservation."""
        if fields is None or 'reservation' not in fields:
            yield from self.__wrapped__.iter_nodes(fields=fields, **kwargs)
            return
        if self._self_rows is None:
            self._self_rows = self.__wrapped__.iter_nodes(
                fields=fields, **kwargs
            )
        columns = ('uuid', 'driver', 'conductor_group', *fields)
        for row in itertools.islice(self._self_rows, 1):
            orphan = dict(zip(columns, row, strict=True))
            self._self_orphan = orphan['uuid']
            # Nodes in maintenance only lose their reservation.
            if not orphan['maintenance']:
                self._self_kept.add(orphan['uuid'], orphan['reservation'])
            yield row


class _AskedOnce(wrapt.ObjectProxy):  # type: ignore[misc]
    """The database API, which is asked once in a pass who is offline.

    :param dbapi: Ironic's ``Connection``
    """

    def __init__(self, dbapi: Any) -> None:
        super().__init__(dbapi)
        self._self_offline: list[str] | None = None

    def get_offline_conductors(self) -> list[str]:
        """See Ironic."""
        if self._self_offline is None:
            self._self_offline = self.__wrapped__.get_offline_conductors()
        return self._self_offline


_KEPT: weakref.WeakKeyDictionary[Any, orphans.Orphans] = (
    weakref.WeakKeyDictionary()
)
"""What each conductor of this process keeps; as a rule there is one."""
