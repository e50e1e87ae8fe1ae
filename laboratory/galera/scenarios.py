# SPDX-License-Identifier: Apache-2.0
"""What happens to the servers while clients are at work."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
import contextlib
import dataclasses
import functools
import random
import signal
import threading
import time

from sqlalchemy import exc

from laboratory.galera import place as p
from laboratory.galera import servers

# An event of a scenario happens when clients have been at work for so long.
_BEFORE = 3.0

Hurt = Callable[[p.Place, int, float], None]
"""Takes the place, the run, and for how many seconds clients are at work."""

_STALE = ('wrong', 'conflicts', 'stranded', 'locked')
_NOTHING = ('lost', 'disorder', *_STALE)


@dataclasses.dataclass(frozen=True, slots=True)
class Scenario:
    """One row of the table; ``counted`` may be there."""

    layout: p.Layout
    hurt: Hurt
    counted: tuple[str, ...] = ()

    def promised(self, side: str) -> tuple[str, ...]:
        """Return what must be nothing, in the words of the table."""
        counted = self.counted
        # The plugin does not repeat what a broker has lost.
        if side != 'outbox' and self.hurt is broker_killed:
            counted += ('lost',)
        return tuple(name for name in _NOTHING if name not in counted)


def calm(place: p.Place, run: int, seconds: float) -> None:
    time.sleep(seconds)


def lags(place: p.Place, run: int, seconds: float) -> None:
    """All servers apply late what the others have committed.

    A row of a table that has a trigger where it is applied, but none where it
    is written, keeps the only applier waiting for as long as it says.
    """
    chance = random.Random(run)
    first, *_ = all_servers = place.galera.servers
    names = [f'lag_{number}' for number in range(3)]
    if not first.execute("SHOW TABLES LIKE 'lag_0'"):
        for name in names:
            first.execute(servers.LAG.format(name))
        for server in all_servers:
            for name, writer in zip(names, all_servers, strict=True):
                if writer is not server:
                    servers.lag(server, name)
    actions = []
    for server, name in zip(all_servers, names, strict=True):
        seconds_late = chance.uniform(0.1, 1.5)
        insert = f'INSERT INTO {name} (seconds) VALUES ({seconds_late})'
        actions.append(functools.partial(server.execute, insert))
    with _at_once(actions, 1.0):
        time.sleep(seconds)


def conflicts(place: p.Place, run: int, seconds: float) -> None:
    """Somebody else changes a column of all nodes, 20 times a second."""
    server = place.galera.servers[run % 3]

    def change() -> None:
        now = time.monotonic()
        server.execute(f"UPDATE nodes SET description = '{now}'")

    with _at_once([change], 0.05):
        time.sleep(seconds)


@contextlib.contextmanager
def _at_once(
    actions: list[Callable[[], object]], pause: float
) -> Iterator[None]:
    """Repeat each action in a thread of its own; its errors are expected."""
    stopping = threading.Event()

    def repeat(action: Callable[[], object]) -> None:
        while not stopping.wait(pause):
            with contextlib.suppress(exc.SQLAlchemyError):
                action()

    threads = [threading.Thread(target=repeat, args=(x,)) for x in actions]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopping.set()
        for thread in threads:
            thread.join()


def killed(
    place: p.Place,
    run: int,
    seconds: float,
    meanwhile: Callable[[servers.Server], None] = lambda server: time.sleep(1),
) -> None:
    """A server is killed; back, it is sent what it has missed."""
    time.sleep(_BEFORE)
    server = place.galera.servers[run % 3]
    server.kill()
    meanwhile(server)
    server.start()
    time.sleep(seconds / 3)


def rebuilt(place: p.Place, run: int, seconds: float) -> None:
    """A server is killed and loses its data; back, it is sent all of it."""
    killed(place, run, seconds, servers.Server.forget)


def frozen(place: p.Place, run: int, seconds: float) -> None:
    """A server stands still for longer than the others wait for it."""
    time.sleep(_BEFORE)
    server = place.galera.servers[run % 3]
    server.signal(signal.SIGSTOP)
    time.sleep(4 * servers.SUSPECT_SECONDS)
    server.signal(signal.SIGCONT)
    time.sleep(seconds / 3)


def active_killed(place: p.Place, run: int, seconds: float) -> None:
    """The server that all use is killed, comes back, and is killed again."""
    for _ in range(2):
        time.sleep(_BEFORE)
        server = place.galera.servers[0]
        server.kill()
        time.sleep(seconds / 4)
        server.start()


def broker_killed(place: p.Place, run: int, seconds: float) -> None:
    """The only broker or one of three is killed, and comes back."""
    time.sleep(_BEFORE)
    node = place.brokers[run % len(place.brokers)]
    # Its epmd goes on.
    node.running.pop().kill()
    time.sleep(seconds / 3)
    node.start()
    time.sleep(seconds / 3)


_OWN = p.Layout('own', 1)
SCENARIOS: Mapping[str, Scenario] = {
    'own': Scenario(_OWN, calm),
    'conflicts': Scenario(_OWN, conflicts),
    'killed': Scenario(_OWN, killed),
    'rebuilt': Scenario(_OWN, rebuilt),
    'frozen': Scenario(_OWN, frozen),
    'broker': Scenario(_OWN, broker_killed),
    'haproxy': Scenario(p.Layout('active', None), active_killed),
    'lag': Scenario(p.Layout('turn', 1), lags),
    'brokers': Scenario(p.Layout('own', 1, 3), broker_killed),
    'own-7': Scenario(p.Layout('own', 7), calm),
    'lag-7': Scenario(p.Layout('turn', 7), lags),
    'own-none': Scenario(p.Layout('own', None), calm, _STALE),
    'lag-none': Scenario(p.Layout('turn', None), lags, _STALE),
}
"""Name -> what happens and what must hold; the page about clusters says it."""
