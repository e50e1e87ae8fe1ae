# SPDX-License-Identifier: Apache-2.0
"""Take back a request that could not start, and record the reason."""

from concurrent import futures
from typing import Any

import futurist
from ironic.common import exception
from ironic.common import states
from ironic.common.i18n import _
from ironic.conductor import task_manager

from ironic_async_events.task import database
from ironic_async_events.task import snapshot

LOG = task_manager.LOG

_INSPECTION = (states.INSPECTING, states.INSPECTWAIT, states.INSPECTFAIL)

# Fields that differ after a node has been restored.
_WRITTEN = frozenset(('last_error', 'provision_updated_at'))


def answer_to(cause: BaseException) -> BaseException:
    """Return the error for the caller of a request that could not start.

    Clients retry on ``NoFreeConductorWorker``. So it is returned only when
    there was no worker.

    :param cause: the error that kept the worker from starting
    :returns: ``NoFreeConductorWorker``, chained to the cause, when there was
        no worker; else the cause, without the text of the database
    """
    if isinstance(cause, futurist.RejectedSubmission | futures.CancelledError):
        return _no_worker(cause)
    return database.told(cause)


def answer_to_spawn(cause: BaseException) -> BaseException:
    """Return the error for the caller of a request whose spawning failed.

    :param cause: the error of the spawn method
    :returns: as :func:`answer_to`; a plain ``RuntimeError`` is what Python
        raises when the system has no thread, or an executor has ended
    """
    if type(cause) is RuntimeError:
        return _no_worker(cause)
    return answer_to(cause)


def _no_worker(cause: BaseException) -> BaseException:
    answer: BaseException = exception.NoFreeConductorWorker()
    answer.__cause__ = cause
    return answer


def cause_of(future: Any) -> BaseException:
    """Return the error that kept a worker from saving its state.

    :param future: the future of the worker, which has ended
    :returns: the exception of the future, or ``CancelledError`` when the
        worker ended without having run
    """
    try:
        error: BaseException | None = future.exception()
    except futures.CancelledError as e:
        return e
    return error or futures.CancelledError(
        'the worker ended without having started'
    )


class Told:
    """A future whose error may be shown in a record.

    :param future: the future of the worker, which has ended
    """

    def __init__(self, future: Any) -> None:
        self._future = future

    def exception(self) -> BaseException | None:
        """Return the error of the worker, without the text of the database.

        :raises CancelledError: when the future was cancelled
        """
        error: BaseException | None = self._future.exception()
        return None if error is None else database.told(error)


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
    """Restore a node and record the reason, in one commit.

    Called by the thread that learns that no worker will run. Retries while
    the database is away, as long as the release of the lock does. Never
    raises: the node has to be released afterwards in any case.

    :param node: the node, locked
    :param before: the fields of the node before the request
    :param error: the error for the caller of the request
    :param event_type: type of the record in the node's history
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
    attempt = _Attempt(node, before, reason, event_type)
    try:
        database.insist(attempt)
    except Exception as e:
        LOG.error(
            'Could not set node %(node)s back to what it was before a request '
            'that could not start (%(reason)s): %(error)s',
            {
                'node': node.uuid,
                'reason': reason,
                'error': database.told(e),
            },
            exc_info=not database.failed(e),
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


class _Attempt:
    """Restores a node; a retry first checks the attempt before.

    The row decides, not the node object: a save that raised may have been
    committed.

    :param node: the node, locked
    :param before: the fields of the node before the request
    :param reason: the error that is recorded
    :param event_type: type of the record
    """

    def __init__(
        self,
        node: Any,
        before: snapshot.Snapshot | None,
        reason: str,
        event_type: str,
    ) -> None:
        self._node = node
        self._before = before
        self._reason = reason
        self._event_type = event_type
        self._repeated = False

    def __call__(self) -> None:
        from ironic.conductor import utils  # imports the task manager itself

        node = self._node
        with database.causal():
            stored = type(node).get_by_uuid(node._context, node.uuid)
        error = stored.last_error
        differing = self._before.restore(stored) if self._before else []
        if self._repeated and self._is_done(error, differing):
            stored.last_error = error
        else:
            self._repeated = True
            with database.transaction():
                utils.node_history_record(
                    stored,
                    event=self._reason,
                    event_type=self._event_type,
                    error=True,
                )
                stored.save()
        node.obj_refresh(stored)
        node.obj_reset_changes()

    def _is_done(self, error: str | None, differing: list[str]) -> bool:
        """Return whether the attempt before was committed.

        :param error: the error in the row; Ironic shortens a long one
        :param differing: the fields of the row that are not as before
        """
        return (
            bool(error)
            and self._reason.startswith(str(error))
            and _WRITTEN.issuperset(differing)
        )
