# SPDX-License-Identifier: Apache-2.0
"""Operations per second, times, CPU and notifications, under some clients."""

from collections.abc import Callable

from laboratory import errors
from laboratory.bench import forms
from laboratory.bench import nodes
from laboratory.bench import rounds
from laboratory.bench import sides

Figures = rounds.Figures

_SECONDS = 120.0


def steps(form: forms.Form) -> int:
    """Return how many operations it will do."""
    per_round = sum(
        number * lives * len(form.life)
        for number, lives in form.clients.items()
    )
    warm = max(form.clients) * len(form.life)
    return (
        len(forms.BACKENDS)
        * len(sides.SIDES)
        * (form.rounds * per_round + warm)
    )


def measure(form: forms.Form, progress: Callable[[], None]) -> Figures:
    """Do all rounds on all backends.

    :param form: how much.
    :param progress: called after each operation, from any thread.
    :returns: backend -> clients -> rounds, each of them side -> figures;
        and what became of the notifications.
    :raises LaboratoryError: when something does not go as it should.
    """
    found: Figures = {}
    for backend in forms.BACKENDS:
        with sides.started(backend) as running:
            found[backend.name] = _backend(form, running, progress)
    return found


def _backend(
    form: forms.Form,
    running: list[sides.Running],
    progress: Callable[[], None],
) -> Figures:
    for one in running:
        # What is done for the first time takes its time, as connections do.
        rounds.play(one, running, max(form.clients), 1, form.life, progress)
    clients = {
        str(number): [
            {
                one.side.name: _round(
                    form, one, running, number, lives, progress
                )
                for one in running
            }
            for _ in range(form.rounds)
        ]
        for number, lives in form.clients.items()
    }
    return {
        'clients': clients,
        'notifications': {one.side.name: account(one) for one in running},
    }


def _round(
    form: forms.Form,
    one: sides.Running,
    running: list[sides.Running],
    number: int,
    lives: int,
    progress: Callable[[], None],
) -> Figures:
    """Do a round; one that goes wrong is noted down and ends nothing.

    On SQLite, which knows no queue for writers, many clients can be more
    than Ironic's patience with a locked database.
    """
    try:
        return rounds.play(one, running, number, lives, form.life, progress)
    except errors.LaboratoryError as error:
        nodes.wait_unlocked(one, _SECONDS)
        return {rounds.FAILED: str(error)}


def account(running: sides.Running) -> Figures:
    """Count what was lost or misplaced on one side so far.

    :param running: the side; its service is stopped, so that all that was
        still to be announced is announced.
    """
    running.bench.ironic.stop()
    return dict(running.bench.account().as_dict())
