# SPDX-License-Identifier: Apache-2.0
"""Read the backlog of the outbox again and again, for the exporter."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
import threading
import time
from typing import Any

from oslo_config import cfg
from oslo_log import log as logging

from ironic_async_events import redaction
from ironic_async_events.command import ironic_conf
from ironic_async_events.command import metrics
from ironic_async_events.command import sources
from ironic_async_events.outbox import stored

LOG = logging.getLogger(__name__)

_GROUP = 'oslo_messaging_notifications'
_SECONDS = 15.0

WAITING = metrics.Family(
    'ironic_async_events_outbox_waiting_messages',
    'Messages in the outbox that wait to be published.',
)
AGE = metrics.Family(
    'ironic_async_events_outbox_oldest_age_seconds',
    'Age of the oldest message that waits; 0 if none waits.',
)
DEAD = metrics.Family(
    'ironic_async_events_outbox_dead_letters', 'Messages that are set aside.'
)
READ_AT = metrics.Family(
    'ironic_async_events_outbox_last_read_timestamp_seconds',
    'When the outbox was last read; 0 before the first time.',
)
#: All metrics of the outbox.
FAMILIES = (WAITING, AGE, DEAD, READ_AT)


class Backlog:
    """The backlog as it was last read.

    The database can hang, so a thread of its own reads the backlog, and a
    scrape never waits.
    """

    def __init__(
        self,
        read: Callable[[], stored.Backlog],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._read = read
        self._clock = clock
        # One object, which a scrape reads at once.
        self._last: tuple[stored.Backlog | None, float] = (None, 0.0)

    def look(self) -> None:
        """Read the backlog. Without an answer there is none to show."""
        try:
            self._last = (self._read(), self._clock())
        except Exception as exc:
            reason = ironic_conf.brief(exc)
            LOG.warning('The outbox cannot be read: %s', reason)
            self._last = (None, self._last[1])

    def start(self) -> None:
        """Read the backlog again and again, in a daemon thread."""

        def watch() -> None:
            while True:
                self.look()
                time.sleep(_SECONDS)

        threading.Thread(target=watch, name='backlog', daemon=True).start()

    def collect(self) -> Iterator[Any]:
        """Yield the metrics of the outbox. Called by any thread."""
        backlog, when = self._last
        yield READ_AT.of({(): when})
        if backlog is not None:
            yield WAITING.of({(): backlog.count})
            yield AGE.of({(): backlog.seconds})
            yield DEAD.of({(): backlog.set_aside})


def uses_outbox(files: Sequence[str]) -> bool:
    """Return whether a configuration names the driver of the outbox.

    :raises SourceError: when the files cannot be read.
    """
    # Not the options of Ironic, which may not be installed.
    conf = cfg.ConfigOpts()
    conf.register_opts([cfg.MultiStrOpt('driver', default=[])], group=_GROUP)
    try:
        conf([], default_config_files=list(files))
    except cfg.Error as exc:
        raise sources.SourceError(
            f'the configuration cannot be read: {redaction.line(exc)}'
        ) from exc
    return 'async_events_outbox' in conf[_GROUP].driver


def connect(files: Sequence[str]) -> Backlog:
    """Connect to the outbox in Ironic's database.

    Ends the program with one line when the outbox cannot be read.
    """
    ironic_conf.prepare(native=True)
    ironic_conf.read((), files)
    with ironic_conf.database():
        from ironic_async_events.outbox import schema
        from ironic_async_events.outbox import store

        schema.check(ironic_conf.engine())
    return Backlog(store.backlog)
