# SPDX-License-Identifier: Apache-2.0
"""Requests while the broker is healthy, slow, and down."""

from collections.abc import Sequence
import contextlib
import logging
import time
from typing import Any

from laboratory import service
from laboratory.bench import forms
from laboratory.bench import inspections
from laboratory.bench import sides
from laboratory.bench import slow_broker

LOG = logging.getLogger(__name__)

Figures = dict[str, Any]

DELAY = 0.2
"""How many seconds a slow broker takes for a publish."""

# Until a service has found out that the broker is back.
_RECOVERY_SECONDS = 180.0


def measure(form: forms.Form) -> Figures:
    """Do rounds in which the broker is healthy, slow, and down.

    Conductor and API are one process: a request reaches the conductor
    without the broker, and what waits for it is the notification alone.

    :param form: how much.
    :returns: ``rounds``, each of them side -> state of the broker -> times.
    :raises LaboratoryError: when something does not go as it should.
    """
    proxies: dict[str, slow_broker.SlowBroker] = {}
    with contextlib.ExitStack() as stack:

        def configure(
            shared: sides.Servers, side: sides.Side
        ) -> service.Ironic:
            assert shared.rabbitmq is not None
            proxy = slow_broker.SlowBroker(shared.rabbitmq.port)
            proxies[side.name] = stack.enter_context(proxy)
            return sides.configured(shared, side, split=False, port=proxy.port)

        running = stack.enter_context(sides.started(forms.MARIADB, configure))
        nodes = [inspections.add(one, form.asked) for one in running]
        rounds = []
        for number in range(form.trouble_rounds):
            rounds.append(
                {
                    one.side.name: _round(
                        form, one, proxies[one.side.name], fresh
                    )
                    for one, fresh in zip(running, nodes, strict=True)
                }
            )
            LOG.info('broker in trouble: round %d is done', number + 1)
        return {'rounds': rounds, 'down_seconds': form.down_seconds}


def _round(
    form: forms.Form,
    running: sides.Running,
    proxy: slow_broker.SlowBroker,
    fresh: Sequence[str],
) -> Figures:
    measured = {'healthy': _ask(running, fresh)}
    inspections.wait_unlocked(running, _RECOVERY_SECONDS)
    proxy.delay = DELAY
    measured['slow'] = _ask(running, fresh)
    # The end is announced as well, and as slowly.
    inspections.wait_unlocked(running, _RECOVERY_SECONDS)
    proxy.delay = 0.0
    proxy.down()
    measured['down'] = _ask(running, fresh, len(fresh), form.down_seconds)
    proxy.up()
    # What was held up is done before the next round.
    inspections.wait_unlocked(running, _RECOVERY_SECONDS)
    return measured


def _ask(
    running: sides.Running,
    fresh: Sequence[str],
    threads: int = 1,
    patience: float = inspections.SECONDS,
) -> Figures:
    """Ask for operations, and return what they took.

    :param threads: how many requests at once.
    :param patience: how long to wait for answers and for ends.
    """
    eye = running.bench.eye
    after = inspections.last_seen(eye)
    began = time.monotonic()
    asked = inspections.ask(running, fresh, threads, patience)
    # Those that wait for an answer have waited for an end as well.
    left = began + patience - time.monotonic()
    return {
        'put_to_202': [request.seconds for request in asked],
        'put_to_end': inspections.ends(eye, asked, after, left),
    }
