# SPDX-License-Identifier: Apache-2.0
"""What becomes of a request that could not start: nothing, and a reason."""

from concurrent import futures
from typing import Any

from ironic.common import exception
from ironic.common import states
from ironic.common.i18n import _
from ironic.conductor import task_manager

from ironic_async_events import snapshot

LOG = task_manager.LOG

_INSPECTION = (states.INSPECTING, states.INSPECTWAIT, states.INSPECTFAIL)


def answer_to(cause: BaseException) -> BaseException:
    """Return what the caller gets when no worker could be had.

    Ironic's own exceptions are answers already. Everything else means that
    there is no worker, which a client should try again.

    :param cause: what kept the worker from running
    :returns: an exception of Ironic, chained to the cause
    """
    answer: BaseException = cause
    if not isinstance(cause, exception.IronicException):
        answer = exception.NoFreeConductorWorker()
        answer.__cause__ = cause
    return answer


def cause_of(future: Any) -> BaseException:
    """Return what kept a worker from saving the state of its operation.

    :param future: the worker's, which has ended
    :returns: the exception with which it ended, or one that says that it
        ended without having run
    """
    try:
        error: BaseException | None = future.exception()
    except futures.CancelledError as e:
        return e
    return error or RuntimeError('the worker ended without having started')


def event_type(node: Any) -> str:
    """Return the type that Ironic gives to the record of a refused request.

    :param node: the node, in the state that it keeps
    :returns: the type of a history record
    """
    if node.provision_state in _INSPECTION:
        return str(states.INTROSPECTION)
    return str(states.PROVISIONING)


def take_back(
    node: Any,
    before: snapshot.Snapshot | None,
    error: BaseException,
    event_type: str,
) -> None:
    """Make a node what it was before a request; say why, in one save.

    Called by the thread that found out that no worker will run. Never
    raises: the node has to be released afterwards in any case.

    :param node: the node, locked
    :param before: what it was
    :param error: what the caller of the request gets
    :param event_type: type of the record in the node's history
    """
    from ironic.conductor import utils  # imports the task manager itself

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
    try:
        if before is not None:
            before.restore(node)
        utils.node_history_record(
            node, event=reason, event_type=event_type, error=True
        )
        node.save()
    except Exception:
        LOG.exception(
            'Could not set node %s back to what it was before a request '
            'that could not start',
            node.uuid,
        )
        return
    LOG.warning(
        "%(what)s on node %(node)s, setting node's "
        'provision_state back to %(prov_state)s and '
        'target_provision_state to %(tgt_prov_state)s. %(reason)s',
        {
            'what': what,
            'node': node.uuid,
            'prov_state': node.provision_state,
            'tgt_prov_state': node.target_provision_state,
            'reason': reason,
        },
    )
