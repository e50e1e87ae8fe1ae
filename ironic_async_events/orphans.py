# SPDX-License-Identifier: Apache-2.0
"""Nodes of a dead conductor that could not be taken over in one pass."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
import functools
from typing import Any

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
        watched = _Watched(self)
        try:
            method(watched, context)
        finally:
            for uuid, row in watched._self_orphans.items():
                # Nodes in maintenance only lose their reservation.
                if not row['maintenance']:
                    _give_back(context, uuid, row['reservation'])

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


def _give_back(context: Any, uuid: str, host: str) -> None:
    """Reserve a node for its dead conductor again, if nobody failed it."""
    try:
        node = objects.Node.get_by_uuid(context, uuid)
        if node.reservation is None and node.provision_state in _UNFINISHED:
            objects.Node.reserve(context, host, node.id)
            LOG.warning(
                'Node %(node)s could not be taken over from conductor '
                '%(host)s; the next pass tries again',
                {'node': uuid, 'host': host},
            )
    except (exception.NodeNotFound, exception.NodeLocked) as e:
        LOG.info('Node %s is not kept for the next pass: %s', uuid, e)
