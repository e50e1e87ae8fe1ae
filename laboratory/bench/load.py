# SPDX-License-Identifier: Apache-2.0
"""Operations per second, times, CPU and notifications, under some clients."""

from collections.abc import Sequence
import logging
import statistics
from typing import Any

from laboratory import clients
from laboratory import contract
from laboratory import errors
from laboratory import witness
from laboratory.bench import forms
from laboratory.bench import inspections
from laboratory.bench import sides
from laboratory.bench import usage

LOG = logging.getLogger(__name__)

Figures = dict[str, Any]

FAILED = 'failed'
"""In the place of figures: why a round could not be done."""

_SECONDS = 120.0


def measure(
    form: forms.Form, those: Sequence[sides.Side] = sides.SIDES
) -> Figures:
    """Do all rounds on all backends.

    :param form: how much.
    :param those: what is compared.
    :returns: backend -> clients -> rounds, each of them side -> figures;
        and what became of the notifications.
    :raises LaboratoryError: when something does not go as it should.
    """
    measured = {}
    for backend, how_many in form.clients.items():
        with sides.started(backend, sides=those) as running:
            for one in running:
                # What is done for the first time takes its time.
                play(one, max(how_many), 1)
            rounds = {
                str(number): [
                    _round(running, number, lives) for _ in range(form.rounds)
                ]
                for number, lives in how_many.items()
            }
            # Services that are stopped announce what is still to be announced.
            for one in running:
                one.bench.ironic.stop()
            measured[backend.name] = {
                'clients': rounds,
                'notifications': {
                    one.side.name: one.bench.account().as_dict()
                    for one in running
                },
            }
    return measured


def _round(running: list[sides.Running], number: int, lives: int) -> Figures:
    """Do a round; a side that goes wrong is noted down and ends nothing.

    On SQLite, which knows no queue for writers, many clients can be more
    than Ironic's patience with a locked database.
    """
    measured: Figures = {}
    for one in running:
        try:
            measured[one.side.name] = play(one, number, lives)
        except errors.LaboratoryError as error:
            inspections.wait_unlocked(one, _SECONDS)
            measured[one.side.name] = {FAILED: str(error)}
    LOG.info(
        '%d clients: %s operations per second',
        number,
        ', '.join(f'{m.get("rate", 0.0):.2f}' for m in measured.values()),
    )
    return measured


def play(running: sides.Running, number: int, lives: int) -> Figures:
    """Do one round on one side: clients lead nodes through their lives.

    :param running: the side.
    :param number: clients at once.
    :param lives: how many each of them leads, one after the other.
    :returns: figures; times in seconds, those with ``_per_op`` for each
        operation.
    :raises LaboratoryError: when an operation does not come to its end.
    """
    eye, ironic = running.bench.eye, running.bench.ironic
    seen = inspections.last_seen(eye)
    used = usage.cpu_seconds(running.conductor)
    account = clients.drive(ironic.endpoint, number, lives, forms.LIFE)
    used = usage.cpu_seconds(running.conductor) - used
    accepted = account.accepted
    return {
        'operations': len(accepted),
        # Without the making of connections and of nodes.
        'rate': len(accepted)
        / (
            max(request.ended_at for request in accepted)
            - min(request.asked_at for request in accepted)
        ),
        'conductor_cpu_per_op': used / len(accepted),
        **times(accepted, eye.read(seen)),
    }


def times(
    accepted: Sequence[contract.Accepted], changes: Sequence[witness.Seen]
) -> Figures:
    """Compute how long requests and operations took.

    The end of an operation is its last committed change, not the moment at
    which a client that polls finds out. An operation with a single change,
    made for the request itself, has no end of its own.

    :param accepted: requests of clients that each had a node alone.
    :param changes: what was committed.
    :returns: means, medians and 99th percentiles.
    """
    by_node: dict[str, list[float]] = {}
    for change in changes:
        if change.before_state is not None:
            by_node.setdefault(change.node, []).append(change.seen_at)
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
    measured: Figures = {}
    for name, values in (
        ('put_to_202', [request.latency for request in accepted]),
        ('202_to_end', from_202),
        ('put_to_end', from_put),
    ):
        measured[f'{name}_mean'] = statistics.fmean(values)
        measured[f'{name}_p50'] = percentile(values, 50)
        measured[f'{name}_p99'] = percentile(values, 99)
    return measured


def percentile(values: Sequence[float], share: int) -> float:
    """Return the value that a share of all values does not exceed.

    :param values: at least one.
    :param share: in percent, from 1 to 99.
    """
    if len(values) < 2:
        return values[0]
    return statistics.quantiles(values, n=100, method='inclusive')[share - 1]
