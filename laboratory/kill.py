# SPDX-License-Identifier: Apache-2.0
"""Kill a conductor between accepting requests and starting their work."""

from collections.abc import Mapping
from collections.abc import Sequence
import concurrent.futures
import dataclasses
import os
import signal
from typing import Any

from laboratory import clients
from laboratory import configuration
from laboratory import deployment
from laboratory import errors
from laboratory import lifecycle
from laboratory.api import Api

OPTIONS: configuration.Options = {
    'async_events': {
        'task_manager': 'stopped_before_save',
        # The requests shall still wait for their workers when it happens.
        'start_timeout': 600,
    }
}
"""For a service that is to be killed; :func:`kill` takes them away again."""

_ACTIVE = ('manage', 'adopt')

# What brings a node to where the operation starts, and the operation. No more
# of them than the API has threads, since each request keeps one waiting.
CASES: Sequence[tuple[Sequence[str], str]] = (
    ((), 'manage'),
    (('manage',), 'inspect'),
    (('manage',), 'clean'),
    (('manage', 'provide'), 'active'),
    (_ACTIVE, 'rebuild'),
    (_ACTIVE, 'rescue'),
    ((*_ACTIVE, 'rescue'), 'unrescue'),
    (_ACTIVE, 'service'),
    (_ACTIVE, 'deleted'),
)
_SECONDS = 60.0


@dataclasses.dataclass(frozen=True, slots=True)
class Killed:
    """One request whose conductor was killed before its work began.

    :param answer: the status of its answer; None if there was none.
    :param changes: how often its provision state changed until then.
    :param ended: the state in which the same operation ended afterwards.
    """

    operation: lifecycle.Operation
    answer: int | None
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    restarted: Mapping[str, Any]
    changes: int
    ended: str

    @property
    def different(self) -> list[str]:
        """The columns that the request had changed when it was killed."""
        return sorted(
            name
            for name, value in self.before.items()
            if self.after[name] != value
        )


def kill(running: deployment.Bench) -> list[Killed]:
    """Send requests, kill the service, restart it, and ask once more."""
    ironic = running.ironic
    client = clients.Client(ironic.endpoint)
    work = []
    for path, name in CASES:
        work.append((client.lead(*path), lifecycle.operation(name)))
    before = _rows(running)
    seen = running.eye.read()[-1].id
    with concurrent.futures.ThreadPoolExecutor(len(work)) as executor:
        (ironic.directory / 'armed').touch()
        answers = [
            executor.submit(
                Api(ironic.endpoint, timeout=2 * _SECONDS).call,
                'PUT',
                f'/v1/nodes/{node.id}/states/provision',
                {'target': operation.verb, **operation.arguments},
            )
            for node, operation in work
        ]
        try:
            ironic.running[0].require(
                lambda: (
                    len(list(ironic.directory.glob('stopped-*'))) == len(work)
                    or any(one.done() for one in answers)
                ),
                _SECONDS,
                'stop before it saves',
            )
            refused = [one.result() for one in answers if one.done()]
            if refused:
                raise errors.LaboratoryError(
                    f'requests were answered before their workers: {refused}'
                )
        finally:
            # Without this, nobody would answer the requests.
            os.killpg(ironic.running[0].pid, signal.SIGKILL)
            ironic.stop()
    after = _rows(running)
    del ironic.options['async_events']
    ironic.start()
    restarted = _rows(running)
    changed = [one.node for one in running.eye.read(seen)]
    result = []
    for (node, operation), answer in zip(work, answers, strict=True):
        node.fetch(clients.connect(ironic.endpoint).baremetal)
        client.operate(node, operation)
        result.append(
            Killed(
                operation=operation,
                answer=answer.result()[0] or None,
                before=before[node.id],
                after=after[node.id],
                restarted=restarted[node.id],
                changes=changed.count(node.id),
                ended=node.provision_state,
            )
        )
    return result


def _rows(running: deployment.Bench) -> dict[str, Mapping[str, Any]]:
    rows = running.eye.query('SELECT * FROM nodes')
    return {row.uuid: dict(row._mapping) for row in rows}
