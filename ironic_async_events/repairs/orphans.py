# SPDX-License-Identifier: Apache-2.0
"""Retry the nodes of a dead conductor that a pass could not take over.

A conductor finds such nodes by the reservation of the dead conductor, and
removes the reservation before it fails a node. When there is no worker, or
an error comes in between, the node would keep its state for good. Such a node
gets its reservation back, by which the next pass finds it.
"""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
import functools
import itertools
from typing import Any
import weakref

from ironic.common import exception
from ironic.common import states
from ironic.objects import node as node_object
from oslo_log import log as logging
import wrapt

# The states that a take-over ends.
_UNFINISHED = (states.DEPLOYING, states.CLEANING)

# Operators know the lines of a pass by the name of the conductor manager.
LOG = logging.getLogger('ironic.conductor.manager')


class Orphans:
    """The nodes that a conductor keeps for its next pass.

    Used by the thread of the periodic task. A reservation is given back only
    to an offline conductor: a conductor that is back would never remove the
    reservation. The dead conductor may come back at any moment. So its status
    is read before the reservation, after the reservation, and in the next
    pass. The third time is for a conductor that is starting: it removes its
    locks before it registers. When a reservation comes in between, the node
    is unlocked and keeps its state until a conductor is restarted.
    """

    def __init__(self) -> None:
        # By UUID of the node: the conductor that had reserved it.
        self._hosts: dict[str, str] = {}
        # By UUID of the node that was reserved again: its number, the
        # conductor and the mark.
        self._given: dict[str, tuple[int, str, Any]] = {}

    def add(self, uuid: str, host: str) -> None:
        """Note a node before its reservation by a host is removed."""
        self._hosts[uuid] = host

    def begin(self, context: Any, dbapi: Any) -> None:
        """Deal with what the last pass has left. Never raises."""
        for uuid, (_, host, _) in list(self._given.items()):
            if _settled(self._unlock_if_back, context, dbapi, uuid, host):
                del self._given[uuid]
        # So that this pass finds nodes that could not be reserved.
        self.give_back(context, dbapi)

    def failed(self, uuid: str, error: Exception) -> None:
        """Log that a node could not be taken over."""
        is_known = isinstance(error, exception.IronicException)
        LOG.log(
            logging.WARNING if is_known else logging.ERROR,
            'Node %s could not be taken over: %s',
            *(uuid, error),
            exc_info=None if is_known else error,
        )

    def give_back(self, context: Any, dbapi: Any) -> None:
        """Reserve nodes that are still unfinished again. Never raises."""
        for uuid, host in list(self._hosts.items()):
            if _settled(self._reserve, context, dbapi, uuid, host):
                del self._hosts[uuid]

    def _reserve(self, context: Any, dbapi: Any, uuid: str, host: str) -> None:
        """Reserve an unfinished node for its dead conductor again."""
        node = node_object.Node.get_by_uuid(context, uuid)
        if (
            node.reservation is not None
            or node.provision_state not in _UNFINISHED
            or host not in dbapi.get_offline_conductors()
        ):
            return
        from ironic_async_events.repairs import statements  # sets up database

        if not statements.mark_reservation(node.id, None, host, _mark(node)):
            raise exception.NodeLocked(node=uuid, host=host)
        self._given[uuid] = node.id, host, _mark(node)
        LOG.warning(
            'Node %s could not be taken over from conductor %s; the next pass '
            'tries again',
            *(uuid, host),
        )
        self._unlock_if_back(context, dbapi, uuid, host)

    def _unlock_if_back(
        self, context: Any, dbapi: Any, uuid: str, host: str
    ) -> None:
        """Remove the reservation again when its conductor is back."""
        if host in dbapi.get_offline_conductors():
            return
        from ironic_async_events.repairs import statements  # sets up database

        node_id, _, mark = self._given[uuid]
        if statements.mark_reservation(node_id, host, None, mark):
            LOG.warning(
                'Node %s is unlocked: conductor %s, from which it could not '
                'be taken over, is back',
                *(uuid, host),
            )


def _mark(node: Any) -> Any:
    """Return the time with which a reservation is given back.

    The time of a change has whole seconds on MySQL and MariaDB: a conductor
    that is back may lock the node within the same second. So a reservation
    that is given back has the time of the node's last transition, in the same
    statement, and only a reservation with this time is removed.
    """
    return node.provision_updated_at or node.created_at


def _settled(
    action: Callable[[Any, Any, str, str], None],
    context: Any,
    dbapi: Any,
    uuid: str,
    host: str,
) -> bool:
    """Run an action on a node; return whether it needs no retry.

    An error concerns this node only.
    """
    try:
        action(context, dbapi, uuid, host)
    except exception.IronicException as e:
        LOG.info('Node %s is not kept for the next pass: %s', uuid, e)
    except Exception as e:
        # Without the text of the error: it repeats the statement.
        LOG.error(
            'Node %s, which conductor %s has left, could not be kept for the '
            'next pass: %s; the next pass tries again',
            *(uuid, host, type(e).__name__),
        )
        return False
    return True


def found_again(method: Callable[..., None]) -> Callable[..., None]:
    """Make the next pass retry the nodes that a pass could not take over.

    Ironic removes the reservations of all orphans first, and ends the pass
    with the first error. So the pass is made for one node after the other:
    a node that fails holds up no other.

    :param method: ``ConductorManager._check_orphan_nodes``; called by the
        thread of the periodic task
    """

    @functools.wraps(method)
    def wrapper(self: Any, context: Any) -> None:
        kept = _KEPT.setdefault(self, Orphans())
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


class _OneByOne(wrapt.ObjectProxy):  # type: ignore[misc]
    """The conductor, which finds one orphan at a time."""

    def __init__(self, conductor: Any, kept: Orphans) -> None:
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
    """The database API, which is asked once in a pass who is offline."""

    def __init__(self, dbapi: Any) -> None:
        super().__init__(dbapi)
        self._self_ask = functools.cache(dbapi.get_offline_conductors)

    def get_offline_conductors(self) -> Any:
        """See Ironic."""
        return self._self_ask()


_KEPT: weakref.WeakKeyDictionary[Any, Orphans] = weakref.WeakKeyDictionary()
"""What each conductor of this process keeps; as a rule there is one."""
