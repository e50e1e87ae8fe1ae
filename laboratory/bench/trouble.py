# SPDX-License-Identifier: Apache-2.0
"""Requests while the broker is healthy, slow, and down."""

from collections.abc import Callable
from collections.abc import Sequence
import contextlib
import time
from typing import Any

from laboratory import service
from laboratory.bench import forms
from laboratory.bench import nodes
from laboratory.bench import requesting
from laboratory.bench import sides
from laboratory.bench import slow_broker

Figures = dict[str, Any]

DELAY = 0.2
"""How many seconds a slow broker takes for a publish."""

# Until a service has found out that the broker is back.
_RECOVERY_SECONDS = 180.0


def steps(form: forms.Form) -> int:
    """Return how many requests it will send."""
    return 3 * form.asked * form.trouble_rounds * len(sides.SIDES)


def measure(form: forms.Form, progress: Callable[[], None]) -> Figures:
    """Do rounds in which the broker is healthy, slow, and down.

    Conductor and API are one process: a request reaches the conductor
    without the broker, and what waits for it is the notification alone.

    :param form: how much.
    :param progress: called after each request, from any thread.
    :returns: ``rounds``, each of them side -> state of the broker -> times.
    :raises LaboratoryError: when something does not go as it should.
    """
    with contextlib.ExitStack() as stack:
        shared = stack.enter_context(sides.servers(forms.MARIADB))
        assert shared.rabbitmq is not None
        proxies = {
            side.name: stack.enter_context(
                slow_broker.SlowBroker(shared.rabbitmq.port)
            )
            for side in sides.SIDES
        }

        def configure(
            servers: sides.Servers, side: sides.Side
        ) -> service.Ironic:
            return servers.configured(
                side, split=False, port=proxies[side.name].port
            )

        running = stack.enter_context(sides.together(shared, configure))
        fresh = {one.side.name: nodes.add(one, form.asked) for one in running}
        rounds = []
        for _ in range(form.trouble_rounds):
            round_: dict[str, Figures] = {}
            for one in running:
                name = one.side.name
                round_[name] = _round(
                    form, one, proxies[name], fresh[name], progress
                )
            rounds.append(round_)
        return {
            'rounds': rounds,
            'delay': DELAY,
            'down_seconds': form.down_seconds,
        }


def _round(
    form: forms.Form,
    running: sides.Running,
    proxy: slow_broker.SlowBroker,
    fresh: Sequence[str],
    progress: Callable[[], None],
) -> Figures:
    found = {'healthy': _ask(running, fresh, 1, None, progress)}
    nodes.wait_unlocked(running, _RECOVERY_SECONDS)
    proxy.delay = DELAY
    found['slow'] = _ask(running, fresh, 1, None, progress)
    # The end is announced as well, and as slowly.
    nodes.wait_unlocked(running, _RECOVERY_SECONDS)
    proxy.delay = 0.0
    proxy.down()
    found['down'] = _ask(
        running, fresh, len(fresh), form.down_seconds, progress
    )
    proxy.up()
    # What was held up is done before the next round.
    nodes.wait_unlocked(running, _RECOVERY_SECONDS)
    return found


def _ask(
    running: sides.Running,
    fresh: Sequence[str],
    threads: int,
    patience: float | None,
    progress: Callable[[], None],
) -> Figures:
    """Ask for operations, and return what they took.

    :param threads: how many requests at once.
    :param patience: how long to wait for answers and for ends; None for as
        long as it takes.
    """
    patience = patience or requesting.SECONDS
    after = requesting.last_seen(running.bench.eye)
    began = time.monotonic()
    asked = requesting.Requests(
        running.bench.ironic.endpoint, threads, patience
    ).ask(fresh, progress)
    # Those that wait for an answer have waited for an end as well.
    left = began + patience - time.monotonic()
    ends = requesting.ends(running.bench.eye, asked, after, left)
    return {
        'put_to_202': [one.seconds for one in asked],
        'put_to_end': ends,
    }
