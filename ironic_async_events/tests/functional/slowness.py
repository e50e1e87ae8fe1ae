# SPDX-License-Identifier: Apache-2.0
"""Operations that take their time, and a database that does.

With the first, an operation is not at its end before the first ``GET`` by
chance. With the second, a conductor that answers before the new state is
saved shows the old one, every time and not by chance.
"""

from laboratory import deployment

_INTERFACES = ('bios', 'deploy', 'inspect', 'rescue', 'vendor')
# SQLite has no function that waits, so it counts: for a good part of a second
# at least. Others can read meanwhile; who wants to write waits. A trigger
# cannot hold the recursion itself.
_STATEMENTS = (
    """
    CREATE VIEW IF NOT EXISTS async_events_slow AS
    WITH RECURSIVE numbers(i) AS (
        SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < 1000000)
    SELECT count(*) FROM numbers
    """,
    """
    CREATE TRIGGER IF NOT EXISTS async_events_slow_update
    AFTER UPDATE OF provision_state ON nodes
    WHEN OLD.provision_state IS NOT NEW.provision_state
    BEGIN
        SELECT * FROM async_events_slow;
    END
    """,
)


def operations(seconds: int) -> dict[str, dict[str, object]]:
    """Have each call of a fake interface take its time.

    An operation makes one to three calls.
    """
    return {'fake': {f'{name}_delay': str(seconds) for name in _INTERFACES}}


def slow_saves(running: deployment.Bench) -> None:
    """Slow down each change of a state from now on; on SQLite, at rest."""
    running.eye.execute(*_STATEMENTS)
