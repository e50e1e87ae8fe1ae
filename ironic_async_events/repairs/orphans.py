# SPDX-License-Identifier: Apache-2.0
"""Retry the nodes of a dead conductor that a pass could not take over."""

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
    """Make the next pass retry the nodes that a pass could not take over.

    Ironic selects orphans by the reservation of the dead conductor, and
    removes the reservation before it fails the node. When there is no worker,
    or the pass ends with an error, the node would keep its state for good.
    Such a node gets its reservation back.

    :param method: ``ConductorManager._check_orphan_nodes``; called by the
        thread of the periodic task
    :returns: the replacement
    """

    @functools.wraps(method)
    def wrapper(self: Any, context: Any) -> None:
        kept = _KEPT.setdefault(self, _Kept())
        kept.check(self, context)
        # Retry reservations that failed before, so that this pass sees them.
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
    """The conductor, which notes the orphans that a pass reads.

    :param conductor: Ironic's ``ConductorManager``
    """

    def __init__(self, conductor: Any) -> None:
        super().__init__(conductor)
        self._self_orphans: dict[str, dict[str, Any]] = {}

    def iter_nodes(
        self, fields: Sequence[str] | None = None, **kwargs: Any
    ) -> Iterator[Any]:
        """See Ironic; notes rows that include the reservation."""
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
    to an offline conductor: a conductor that is back would never remove the
    reservation. The dead conductor may come back at any moment. So its status
    is read before the reservation, after the reservation, and in the next
    pass. The third time is for a conductor that is starting: it removes its
    locks before it registers. When a reservation comes in between, the node
    is unlocked and keeps its state until a conductor is restarted, as on
    stock Ironic.
    """

    def __init__(self) -> None:
        # By UUID of the node: the conductor that had reserved it.
        self._hosts: dict[str, str] = {}
        # By UUID of the node: the node as it was reserved again.
        self._given: dict[str, Any] = {}

    def add(self, uuid: str, host: str) -> None:
        """Note a node that a pass has read.

        :param uuid: the node
        :param host: the conductor that had reserved it
        """
        self._hosts[uuid] = host

    def give_back(self, conductor: Any, context: Any) -> None:
        """Reserve nodes that are still unfinished again. Never raises.

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
        """Reserve an unfinished node for its dead conductor again."""
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
        """Remove the reservation again when its conductor is back."""
        if host in conductor.dbapi.get_offline_conductors():
            return
        node = objects.Node.get_by_uuid(context, uuid)
        # A lock that the conductor took itself has changed updated_at.
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
    """Run an action on a node; return whether it needs no retry.

    An error concerns this node only.
    """
    try:
        action(conductor, context, uuid, host)
    except exception.IronicException as e:
        LOG.info('Node %s is not kept for the next pass: %s', uuid, e)
    except Exception as e:
        # Without the text of the error: it repeats the statement.
        LOG.error(
            'Node %(node)s, which conductor %(host)s has left, could not be '
            'kept for the next pass: %(error)s; the next pass tries again',
            {'node': uuid, 'host': host, 'error': type(e).__name__},
        )
        return False
    return True
