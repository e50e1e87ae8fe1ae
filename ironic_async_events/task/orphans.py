# SPDX-License-Identifier: Apache-2.0
"""Keep the nodes of a dead conductor that could not be taken over.

A conductor finds such nodes by the reservation of the dead conductor, and
removes the reservation before it fails a node. When there is no worker, or
an error comes in between, the node would keep its state for good. Such a node
gets its reservation back, by which the next pass finds it.
"""

from collections.abc import Callable
from typing import Any

from ironic.common import exception
from ironic.common import states
from ironic.objects import node as node_object
from oslo_log import log as logging

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
        # By UUID of the node: the node as it was reserved again.
        self._given: dict[str, Any] = {}

    def add(self, uuid: str, host: str) -> None:
        """Note a node before its reservation is removed.

        :param uuid: the node
        :param host: the conductor that has reserved it
        """
        self._hosts[uuid] = host

    def begin(self, context: Any, dbapi: Any) -> None:
        """Deal with what the last pass has left. Never raises.

        :param context: the context of the periodic task
        :param dbapi: Ironic's database API
        """
        for uuid, node in list(self._given.items()):
            host = node.reservation
            if _settled(self._unlock_if_back, context, dbapi, uuid, host):
                del self._given[uuid]
        # So that this pass finds nodes that could not be reserved.
        self.give_back(context, dbapi)

    def failed(self, uuid: str, error: Exception) -> None:
        """Log that a node could not be taken over.

        :param uuid: the node
        :param error: why; it concerns this node only
        """
        names = {'node': uuid, 'error': error}
        if isinstance(error, exception.IronicException):
            LOG.warning(
                'Node %(node)s could not be taken over: %(error)s', names
            )
        else:
            LOG.error(
                'Node %(node)s could not be taken over: %(error)s',
                names,
                exc_info=error,
            )

    def give_back(self, context: Any, dbapi: Any) -> None:
        """Reserve nodes that are still unfinished again. Never raises.

        :param context: the context of the periodic task
        :param dbapi: Ironic's database API
        """
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
        self._given[uuid] = self._give(context, host, node)
        LOG.warning(
            'Node %(node)s could not be taken over from conductor '
            '%(host)s; the next pass tries again',
            {'node': uuid, 'host': host},
        )
        self._unlock_if_back(context, dbapi, uuid, host)

    def _unlock_if_back(
        self, context: Any, dbapi: Any, uuid: str, host: str
    ) -> None:
        """Remove the reservation again when its conductor is back."""
        if host in dbapi.get_offline_conductors():
            return
        if self._take(context, host, self._given[uuid]):
            LOG.warning(
                'Node %(node)s is unlocked: conductor %(host)s, from which it '
                'could not be taken over, is back',
                {'node': uuid, 'host': host},
            )

    def _give(self, context: Any, host: str, node: Any) -> Any:
        """Reserve a node for its conductor; return it as it is then."""
        return node_object.Node.reserve(context, host, node.id)

    def _take(self, context: Any, host: str, given: Any) -> bool:
        """Remove a reservation; leave alone what the conductor has locked.

        :param given: the node as it was reserved
        :returns: whether it was there
        """
        node = node_object.Node.get_by_uuid(context, given.uuid)
        # A lock that the conductor took itself has changed updated_at.
        if node.reservation != host or node.updated_at != given.updated_at:
            return False
        node_object.Node.release(context, host, node.id)
        return True


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
        LOG.info(
            'Node %(node)s is not kept for the next pass: %(error)s',
            {'node': uuid, 'error': e},
        )
    except Exception as e:
        # Without the text of the error: it repeats the statement.
        LOG.error(
            'Node %(node)s, which conductor %(host)s has left, could not be '
            'kept for the next pass: %(error)s; the next pass tries again',
            {'node': uuid, 'host': host, 'error': type(e).__name__},
        )
        return False
    return True
