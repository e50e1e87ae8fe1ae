# SPDX-License-Identifier: Apache-2.0
"""Nodes of a dead conductor that could not be taken over in one pass."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
import functools
from typing import Any
import weakref

from ironic import objects
from ironic.common import exception
from ironic.common import states
from ironic.conductor import manager
import wrapt

# The states that ConductorManager._check_orphan_nodes cleans up.
_UNFINISHED = (states.DEPLOYING, states.CLEANING)

LOG = manager.LOG


def found_again(method: Callable[..., None]) -> Callable[..., None]:
    """Have the next pass find the nodes that a pass could not handle.

    Ironic finds orphans by the reservation of the conductor that died, and
    removes that before it fails the node. So a node for which no worker
    could be had, or that was not reached because of an error, would keep its
    state for good. Such a node gets its reservation back.

    :param method: ``ConductorManager._check_orphan_nodes``; called by the
        thread of the periodic task
    :returns: the method that takes its place
    """

    @functools.wraps(method)
    def wrapper(self: Any, context: Any) -> None:
        kept = _KEPT.setdefault(self, _Kept())
        kept.check(self, context)
        # What failed before: so that this pass finds the node.
        kept.give_back(self, context)
        watched = _Watched(self)
        try:
            method(watched, context)
        finally:
            for uuid, row in watched._self_orphans.items():
                # Nodes in maintenance only lose their reservation.
                if not row['maintenance']:
                    kept.add(uuid, row['reservation'])
            kept.give_back(self, context)

    return wrapper


class _Watched(wrapt.ObjectProxy):  # type: ignore[misc]
    """The conductor, with a note of the orphans that a pass goes through.

    :param conductor: Ironic's ``ConductorManager``
    """

    def __init__(self, conductor: Any) -> None:
        super().__init__(conductor)
        self._self_orphans: dict[str, dict[str, Any]] = {}

    def iter_nodes(
        self, fields: Sequence[str] | None = None, **kwargs: Any
    ) -> Iterator[Any]:
        """See Ironic; rows that tell the reservation are noted."""
        for row in self.__wrapped__.iter_nodes(fields=fields, **kwargs):
            if fields is not None and 'reservation' in fields:
                columns = ('uuid', 'driver', 'conductor_group', *fields)
                self._self_orphans[row[0]] = dict(
                    zip(columns, row, strict=True)
                )
            yield row


class _Kept:
    """The orphans that a conductor keeps for the next pass.

    Used by the thread of the periodic task. A reservation is given back only
    to a conductor that is offline: nobody else would remove it from a
    conductor that is back. As that one may come back at any moment, it is
    looked for before, after, and once more in the next pass. The last is for
    a conductor that is starting: it removes its locks some time before it
    registers. A node that was locked in between keeps its state, as on stock
    Ironic, until a conductor is restarted; but it is not locked.
    """

    def __init__(self) -> None:
        # By UUID: whose reservation a node gets back.
        self._hosts: dict[str, str] = {}
        # By UUID: the node as it was reserved.
        self._given: dict[str, Any] = {}

    def add(self, uuid: str, host: str) -> None:
        """Note a node that a pass has met.

        :param uuid: the node
        :param host: the conductor that had reserved it
        """
        self._hosts[uuid] = host

    def give_back(self, conductor: Any, context: Any) -> None:
        """Reserve the nodes again that nobody has failed. Never raises.

        :param conductor: Ironic's ``ConductorManager``
        :param context: the context of the periodic task
        """
        for uuid, host in list(self._hosts.items()):
            if _settled(self._reserve, conductor, context, uuid, host):
                del self._hosts[uuid]

    def check(self, conductor: Any, context: Any) -> None:
        """Unlock the nodes whose conductor has come back. Never raises.

        :param conductor: Ironic's ``ConductorManager``
        :param context: the context of the periodic task
        """
        for uuid, node in list(self._given.items()):
            host = node.reservation
            if _settled(self._withdraw, conductor, context, uuid, host):
                del self._given[uuid]

    def _reserve(
        self, conductor: Any, context: Any, uuid: str, host: str
    ) -> None:
        """Reserve a node for its dead conductor again, if nobody failed it."""
        node = objects.Node.get_by_uuid(context, uuid)
        if (
            node.reservation is not None
            or node.provision_state not in _UNFINISHED
            or host not in conductor.dbapi.get_offline_conductors()
        ):
            return
        self._given[uuid] = objects.Node.reserve(context, host, node.id)
        LOG.warning(
            'Node %(node)s could not be taken over from conductor '
            '%(host)s; the next pass tries again',
            {'node': uuid, 'host': host},
        )
        self._withdraw(conductor, context, uuid, host)

    def _withdraw(
        self, conductor: Any, context: Any, uuid: str, host: str
    ) -> None:
        """Remove a reservation that was given to a conductor that is back."""
        if host in conductor.dbapi.get_offline_conductors():
            return
        node = objects.Node.get_by_uuid(context, uuid)
        # A conductor that has locked it by itself has touched it as well.
        if node.reservation == host and (
            node.updated_at == self._given[uuid].updated_at
        ):
            objects.Node.release(context, host, node.id)
            LOG.warning(
                'Node %(node)s is unlocked: conductor %(host)s, from which it '
                'could not be taken over, is back',
                {'node': uuid, 'host': host},
            )


_KEPT: weakref.WeakKeyDictionary[Any, _Kept] = weakref.WeakKeyDictionary()
"""What each conductor of this process keeps; as a rule there is one."""


def _settled(
    action: Callable[..., None],
    conductor: Any,
    context: Any,
    uuid: str,
    host: str,
) -> bool:
    """Do something to a node, and say whether nothing is left to do.

    An error of the database concerns this node only.
    """
    try:
        action(conductor, context, uuid, host)
    except exception.IronicException as e:
        LOG.info('Node %s is not kept for the next pass: %s', uuid, e)
    except Exception as e:
        # Not its text: what a database says holds the statement.
        LOG.error(
            'Node %(node)s, which conductor %(host)s has left, could not be '
            'kept for the next pass: %(error)s; the next pass tries again',
            {'node': uuid, 'host': host, 'error': type(e).__name__},
        )
        return False
    return True
