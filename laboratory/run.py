# SPDX-License-Identifier: Apache-2.0
"""One measured run: start, drive, stop, compare."""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import json
import pathlib
import time

from ironic_async_events.audit import observation
from laboratory import clients
from laboratory import contract
from laboratory import deployment
from laboratory import truth
from laboratory import witness
from laboratory.deployment import Run

__all__ = ['Result', 'Run', 'execute', 'measure']


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """What came of a run.

    :param get_violations: one line for each 202 that was not kept.
    """

    run: Run
    accepted: Sequence[contract.Accepted]
    refused: int
    seen: Sequence[witness.Seen]
    observations: Sequence[deployment.Message]
    account: truth.Account
    get_violations: Sequence[str]
    seconds: float

    @property
    def operations(self) -> int:
        """How many operations were accepted."""
        return len(self.accepted)

    @property
    def malformed(self) -> list[str]:
        """Why messages could not be read, one line each."""
        return [
            one.reason
            for one in self.observations
            if isinstance(one, observation.Malformed)
        ]

    @property
    def anomalies(self) -> int:
        """How many things are not as they must be."""
        return (
            len(self.account.rows)
            + len(self.get_violations)
            + len(self.malformed)
        )

    def as_dict(self) -> Mapping[str, object]:
        """Return the figures, for a file."""
        return {
            'run': str(self.run),
            'clients': self.run.clients,
            'operations': self.operations,
            'refused': self.refused,
            'account': self.account.as_dict(),
            'malformed': len(self.malformed),
            'get_violations': list(self.get_violations),
            'seconds': round(self.seconds, 3),
        }


def measure(
    bench: deployment.Bench,
    run: Run,
    progress: Callable[[], None] = lambda: None,
) -> Result:
    """Drive a running service, stop it, and compare."""
    began = time.monotonic()
    account = clients.drive(
        bench.ironic.endpoint,
        run.clients,
        run.cycles,
        run.operations,
        progress,
    )
    seconds = time.monotonic() - began
    # A conductor that is asked to stop ends its work first: what was still
    # to be announced is announced then.
    bench.ironic.stop()
    seen = bench.eye.read()
    return Result(
        run=run,
        accepted=account.accepted,
        refused=account.refused,
        seen=seen,
        observations=bench.observations(),
        account=bench.account(),
        get_violations=contract.violations(account.accepted, seen),
        seconds=seconds,
    )


def execute(
    run: Run,
    keep: pathlib.Path | None = None,
    progress: Callable[[], None] = lambda: None,
) -> Result:
    """Do one run from beginning to end."""
    with deployment.started(run, keep) as running:
        result = measure(running, run, progress)
    if keep is not None:
        (keep / 'result.json').write_text(
            json.dumps(result.as_dict(), indent=2) + '\n', encoding='utf-8'
        )
    return result
