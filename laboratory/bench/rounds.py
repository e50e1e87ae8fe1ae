# SPDX-License-Identifier: Apache-2.0
"""One round: clients lead nodes through their lives on one of the sides."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
import statistics
import time
from typing import Any

from laboratory import clients
from laboratory import contract
from laboratory import lifecycle
from laboratory import witness
from laboratory.bench import sides
from laboratory.bench import usage

Figures = dict[str, Any]

FAILED = 'failed'
"""In the place of figures: why a round could not be done."""


def play(
    running: sides.Running,
    others: Iterable[sides.Running],
    how_many: int,
    lives: int,
    life: Sequence[lifecycle.Operation],
    progress: Callable[[], None] = lambda: None,
) -> Figures:
    """Do one round on one side.

    :param running: the side.
    :param others: sides that are idle meanwhile, to see what they use.
    :param how_many: clients at once.
    :param lives: how many each of them leads, one after the other.
    :param life: its operations.
    :param progress: called after each operation, from any thread.
    :returns: figures; times in seconds, those with ``_per_op`` for each
        operation.
    :raises LaboratoryError: when an operation does not come to its end.
    """
    idle = [one for one in others if one is not running]
    seen = max((one.id for one in running.bench.eye.read()), default=0)
    before = _used(running, idle)
    began = time.monotonic()
    account = clients.drive(
        running.bench.ironic.endpoint, how_many, lives, life, progress
    )
    seconds = time.monotonic() - began
    after = _used(running, idle)
    changes = running.bench.eye.read(seen)
    accepted = account.accepted
    conductor, service, others_used = (
        late - early for late, early in zip(after, before, strict=True)
    )
    return {
        'operations': len(accepted),
        'refused': account.refused,
        'seconds': seconds,
        # Without the making of connections and of nodes.
        'rate': len(accepted)
        / (
            max(one.ended_at for one in accepted)
            - min(one.asked_at for one in accepted)
        ),
        'conductor_cpu_per_op': conductor / len(accepted),
        'service_cpu_per_op': service / len(accepted),
        'idle_cpu_share': others_used / seconds / max(1, len(idle)),
        'not_shown': len(contract.violations(accepted, changes)),
        **times(accepted, changes),
    }


def times(
    accepted: Sequence[contract.Accepted], changes: Sequence[witness.Seen]
) -> Figures:
    """Compute how long requests and operations took.

    The end of an operation is its last committed change, not the moment at
    which a client that polls finds out. One with a single change, made for
    the request itself, has no end of its own.

    :param accepted: requests of clients that each had a node alone.
    :param changes: what was committed.
    :returns: the medians and the 99th percentiles.
    """
    by_node: dict[str, list[float]] = {}
    for one in changes:
        if one.before_state is not None:
            by_node.setdefault(one.node, []).append(one.seen_at)
    from_202, from_put = [], []
    for request in accepted:
        own = [
            at
            for at in by_node.get(request.node, ())
            if request.asked_at - contract.TOLERANCE <= at <= request.ended_at
        ]
        if len(own) > 1:
            from_202.append(own[-1] - request.accepted_at)
            from_put.append(own[-1] - request.asked_at)
    found: Figures = {}
    for name, values in (
        ('put_to_202', [one.latency for one in accepted]),
        ('202_to_end', from_202),
        ('put_to_end', from_put),
    ):
        found[f'{name}_p50'] = percentile(values, 50)
        found[f'{name}_p99'] = percentile(values, 99)
    return found


def percentile(values: Sequence[float], share: int) -> float:
    """Return the value that a share of all values does not exceed.

    :param values: at least one.
    :param share: in percent, from 1 to 99.
    """
    if len(values) < 2:
        return values[0]
    return statistics.quantiles(values, n=100, method='inclusive')[share - 1]


def _used(
    running: sides.Running, idle: Iterable[sides.Running]
) -> tuple[float, float, float]:
    return (
        usage.cpu_seconds(running.conductor),
        running.cpu_seconds(),
        sum(one.cpu_seconds() for one in idle),
    )
