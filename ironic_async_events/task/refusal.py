# SPDX-License-Identifier: Apache-2.0
"""Take back a request that could not start, and record the reason."""

from collections.abc import Callable
from concurrent import futures
import functools
import operator
import pickle
from typing import Any

import futurist
from ironic.common import exception
from ironic.common import states
from ironic.common.i18n import _
from ironic.conductor import task_manager

from ironic_async_events import redaction
from ironic_async_events.task import database

LOG = task_manager.LOG

_INSPECTION = (states.INSPECTING, states.INSPECTWAIT, states.INSPECTFAIL)

# Fields that differ after a node has been restored.
_WRITTEN = frozenset(('last_error', 'provision_updated_at'))

# A request does not change identity, time stamps and lock; traits are not
# saved with the node.
_LEFT_OUT = frozenset(
    ('id', 'uuid', 'created_at', 'updated_at', 'reservation', 'traits')
)


@functools.cache
def _fields(cls: Any) -> tuple[tuple[str, ...], Callable[[Any], Any]]:
    """Return the names of the fields, and what reads them from a node."""
    names = tuple(name for name in cls.fields if name not in _LEFT_OUT)
    # The attributes behind the properties: the properties are Python code and
    # would take most of the time.
    return names, operator.attrgetter(*(f'_obj_{name}' for name in names))


class Snapshot:
    """The fields of a node at one moment.

    Every exclusive lock takes a snapshot, and few snapshots are used: the
    dictionaries, which Ironic changes in place, are not copied but serialized
    in one call.
    """

    __slots__ = ('_values',)

    def __init__(self, node: Any) -> None:
        values = _fields(node.__class__)[1](node)
        self._values = pickle.dumps(values, pickle.HIGHEST_PROTOCOL)

    def restore(self, node: Any) -> list[str]:
        """Set the fields that differ, and return their names; save none."""
        values = pickle.loads(self._values)  # noqa: S301  # our own
        changed, names = [], _fields(node.__class__)[0]
        for name, value in zip(names, values, strict=True):
            if getattr(node, name) != value:
                setattr(node, name, value)
                changed.append(name)
        return changed


def answer_to(cause: BaseException) -> BaseException:
    """Return the error for the caller of a request that could not start.

    Clients retry on ``NoFreeConductorWorker``. So it is returned only when
    there was no worker; else the cause, without the text of the database.
    """
    if isinstance(cause, futurist.RejectedSubmission | futures.CancelledError):
        return _no_worker(cause)
    return redaction.redacted(cause)


def answer_to_spawn(cause: BaseException) -> BaseException:
    """Return the error for the caller; the spawn method raised the cause.

    A plain ``RuntimeError`` is what Python raises when the system has no
    thread, or an executor has ended.
    """
    if type(cause) is RuntimeError:
        return _no_worker(cause)
    return answer_to(cause)


def _no_worker(cause: BaseException) -> BaseException:
    answer: BaseException = exception.NoFreeConductorWorker()
    answer.__cause__ = cause
    return answer


def take_back(
    node: Any,
    before: Snapshot | None,
    error: BaseException,
    record_type: str,
) -> None:
    """Restore a node and record the reason, in one commit.

    Called by the thread that learns that no worker will run. Retries while
    the database is away, as long as the release of the lock does. Never
    raises: the node has to be released afterwards in any case.

    :param node: the node, locked
    :param before: the fields of the node before the request
    :param error: the error for the caller of the request
    :param record_type: type of the record in the node's history; empty: as
        Ironic chooses by the node's state
    """
    if isinstance(error, exception.NoFreeConductorWorker):
        what = 'No free conductor workers available to perform an action'
        reason = _('No free conductor workers available')
        cause = error.__cause__
    else:
        what = 'Could not start an action'
        reason = _('The operation could not start')
        cause = error
    if cause is not None:
        reason += ': ' + (str(cause) or type(cause).__name__)
    if not record_type:
        inspects = node.provision_state in _INSPECTION
        record_type = states.INTROSPECTION if inspects else states.PROVISIONING
    try:
        database.retry_until_answered(
            _restore, node, before, reason, record_type
        )
    except Exception as e:
        LOG.error(
            'Could not set node %s back to what it was before a request that '
            'could not start (%s): %s',
            *(node.uuid, reason, redaction.redacted(e)),
            exc_info=not database.failed(e),
        )
        return
    LOG.warning(
        "%s on node %s, setting node's provision_state back to %s and "
        'target_provision_state to %s. %s',
        *(what, node.uuid),
        *(node.provision_state, node.target_provision_state, reason),
    )


def _restore(
    node: Any, before: Snapshot | None, reason: str, record_type: str
) -> None:
    """Restore a node, unless an attempt before has committed it.

    The row decides, not the node object: a save that raised may have been
    committed. Parameters as in :func:`take_back`.
    """
    from ironic.conductor import utils  # imports the task manager itself

    with database.causal():
        stored = type(node).get_by_uuid(node._context, node.uuid)
    error = stored.last_error
    differing = before.restore(stored) if before else []
    # Whether an attempt before was committed: the row has the reason, which
    # Ironic shortens. The same reason of a request before does not differ.
    recorded = 'last_error' in differing and reason.startswith(error or '-')
    if recorded and _WRITTEN.issuperset(differing):
        stored.last_error = error  # restored on the object, not in the row
    else:
        with database.transaction():
            utils.node_history_record(
                stored, event=reason, event_type=record_type, error=True
            )
            stored.save()
    node.obj_refresh(stored)
    node.obj_reset_changes()
