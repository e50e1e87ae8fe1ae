# SPDX-License-Identifier: Apache-2.0
"""Nodes of a dead conductor that could not be taken over in one pass."""

from collections.abc import Callable
import functools
from typing import Any

from ironic import objects
from ironic.common import exception
from ironic.common import states
from ironic.conductor import manager
from ironic.conductor import utils

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
        orphans = _find(self)
        try:
            method(self, context)
        finally:
            for uuid, host, updated_at in orphans:
                _give_back(context, uuid, host, updated_at)

    return wrapper


def _find(conductor: Any) -> list[tuple[str, str, Any]]:
    """Return what Ironic is about to take over."""
    offline = utils.exclude_current_conductor(
        conductor.host, conductor.dbapi.get_offline_conductors()
    )
    if not offline:
        return []
    rows = conductor.iter_nodes(
        fields=['reservation', 'provision_updated_at', 'provision_state'],
        filters={'reserved_by_any_of': offline, 'maintenance': False},
    )
    return [
        (uuid, host, updated_at)
        for uuid, _driver, _group, host, updated_at, state in rows
        if state in _UNFINISHED
    ]


def _give_back(context: Any, uuid: str, host: str, updated_at: Any) -> None:
    """Reserve a node for its dead conductor again, if nobody failed it."""
    try:
        node = objects.Node.get_by_uuid(context, uuid)
        if (
            node.reservation is None
            and node.provision_state in _UNFINISHED
            and _same_time(node.provision_updated_at, updated_at)
        ):
            objects.Node.reserve(context, host, node.id)
            LOG.warning(
                'Node %(node)s could not be taken over from conductor '
                '%(host)s; the next pass tries again',
                {'node': uuid, 'host': host},
            )
    except (exception.NodeNotFound, exception.NodeLocked) as e:
        LOG.info('Node %s is not kept for the next pass: %s', uuid, e)


def _same_time(one: Any, other: Any) -> bool:
    # The object's time has a zone, the row's has none.
    return bool(
        one == other or (one and other and one.replace(tzinfo=None) == other)
    )
