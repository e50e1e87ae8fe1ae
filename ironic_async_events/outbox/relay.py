# SPDX-License-Identifier: Apache-2.0
"""Publish stored messages, turn by turn, while this relay leads."""

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

from oslo_log import log as logging

from ironic_async_events.outbox import breaker
from ironic_async_events.outbox.lanes import Lanes
from ironic_async_events.outbox.lease import Lease
from ironic_async_events.outbox.reports import Outage
from ironic_async_events.outbox.reports import Watch
from ironic_async_events.outbox.stored import Row

LOG = logging.getLogger(__name__)

# Without an answer of the bus for this many seconds, the lease is given up.
_STALLED = 30.0
# Then the relay pauses for this share of the lease: others ask more often.
_STEPS_BACK = 0.3
# For this many seconds publications begin in a part of a turn, of fresh
# messages and of suspects: then newer messages have their turn.
_FRESH = 0.25
_DUE = 0.1
# Suspects use one of so many lanes.
_SHARE = 2
# A deletion costs as much as the search for messages, and on SQLite it blocks
# other writers. So confirmed messages stay for this many seconds, and are
# deleted together; a crash repeats them.
_LINGER = 0.5


class Pause(NamedTuple):
    """The pause before the next turn, 0 if there is more to publish.

    :param for_messages: whether a message of this process ends the pause
    """

    seconds: float
    for_messages: bool = True


class Relay:
    """Publishes stored messages, as long as it has the lease.

    Each relay begins with the oldest message of a subject and skips none. So
    first occurrences are in order, even when two relays publish at once.

    :param rows: :mod:`ironic_async_events.outbox.store`
    :param publish: publishes a message; called by several threads
    :param holder: a name that no other relay has
    """

    def __init__(
        self,
        rows: Any,
        publish: Callable[[str], None],
        holder: str,
        options: Any,
        clock: Callable[[], float],
    ) -> None:
        self._rows = rows
        self._options = options
        self._clock = clock
        self._lease = Lease(rows, holder, options.outbox_lease, clock)
        self._lanes = Lanes(publish, options.outbox_lanes, clock)
        self._breaker = breaker.Breaker(
            rows, options.outbox_set_aside_after, clock
        )
        self._watch = Watch(rows.backlog, options, clock)
        self._database = Outage('the database', clock)
        self._leads = False
        # The term of the lease: rows read in a term before are out of date.
        self._term = 0
        # When the bus last answered.
        self._heard_at = clock()
        # Numbers of messages that are published and not deleted.
        self._confirmed: set[int] = set()
        self._delete_at = 0.0

    def turn(self) -> Pause:
        """Publish a batch if this relay leads. Never raises."""
        try:
            pause = self._turn()
            self._database.over()
        except Exception as e:
            if not self._database.lasts:
                LOG.debug('The relay of the outbox failed', exc_info=True)
            failures = self._database.failed(e)
            pause = Pause(breaker.pause(failures), for_messages=False)
        return pause

    def end(self) -> None:
        """End the lanes, give the lease up. Never raises."""
        self._lanes.end()
        try:
            self._delete()
            if self._leads:
                self._lease.give_up()
        except Exception as e:
            LOG.warning(
                'The relay of the outbox could not delete what is confirmed, '
                'or give up its lease, which ends by itself: %s',
                e,
            )

    def _turn(self) -> Pause:
        self._breaker.begin()
        if not self._lanes.busy:
            self._heard_at = self._clock()
        # A publication that hung may have ended.
        self._publish(())
        if self._clock() - self._heard_at >= _STALLED:
            return self._step_back()
        leads, to_lease = self._hold(), self._lease.seconds_to_next()
        if not leads:
            # The new leader would publish them again.
            self._delete()
            return Pause(to_lease, for_messages=False)
        backlog = self._watch.look()
        self._breaker.read(backlog.refused if backlog else 0)
        if self._publish_some():
            return Pause(0)
        poll = self._options.outbox_poll_interval
        left = self._breaker.seconds_to_retry() or poll
        return Pause(min(left, poll, to_lease))

    def _publish_some(self) -> bool:
        """Publish messages, first about subjects without a refusal.

        :returns: whether there are more messages to publish now
        """
        pauses = self._breaker.seconds_to_retry() > 0
        fresh = self._read(pauses)
        done = self._publish(fresh)
        if pauses and not done:
            return False
        closed = self._lanes.closed
        is_full = len(fresh) >= self._options.outbox_batch
        more = is_full or pauses or bool(closed)
        asked_all = self._breaker.may_be_asked and not more
        due = self._breaker.read_due(self._lanes.busy, closed, self._confirmed)
        retried = self._publish(due, _DUE, _SHARE)
        self._breaker.end(asked_all)
        return bool(retried or (done and (more or done < len(fresh))))

    def _step_back(self) -> Pause:
        """Give the lease up, so that another conductor tries."""
        self._heard_at = self._clock()
        if self._leads:
            LOG.warning(
                'The relay of the outbox has had no answer of the message '
                'bus for %d seconds and gives up its lease',
                _STALLED,
            )
            self._leads = False
            self._lease.give_up()
        return Pause(_STEPS_BACK * self._lease.seconds, for_messages=False)

    def _hold(self) -> bool:
        leads = self._lease.hold()
        if leads and self._lease.term != self._term:
            LOG.info('This conductor relays the messages of the outbox now')
            # Another relay may have published the suspects.
            self._breaker.clear()
            self._term = self._lease.term
        elif self._leads and not leads:
            LOG.info('Another conductor relays the messages of the outbox')
        self._leads = leads
        return leads

    def _read(self, pauses: bool) -> list[Row]:
        """Read messages about subjects without a refusal.

        First those to destinations where nothing hangs and nothing was
        refused. So they wait for no others, however many there are.

        :param pauses: whether to leave out destinations that refuse
        """
        self._breaker.mark(self._lease.holder)
        closed = self._lanes.closed
        if pauses:
            closed |= {
                x for x, at_once in self._breaker.doubted.items() if at_once
            }
        troubled = self._breaker.doubted.keys() | self._lanes.hanging.keys()
        rows: dict[int, Row] = {}
        for without in (closed | troubled, closed):
            for row in self._rows.waiting(
                self._options.outbox_batch,
                self._lanes.busy,
                self._confirmed,
                without,
            ):
                rows.setdefault(row.id, row)
            if without == closed:
                break
        return list(rows.values())

    def _publish(
        self, rows: Sequence[Row], seconds: float = _FRESH, share: int = 1
    ) -> int:
        """Publish messages, and return how many the bus has confirmed.

        A later turn notes the outcome of a publication that hangs.

        :param seconds: after which no more publication begins
        :param share: use only one of so many lanes
        """
        count = 0
        trouble: list[Exception] = []
        term = self._term
        until = self._clock() + seconds
        for outcome in self._lanes.go(
            rows,
            may=lambda: (
                term == self._lease.term
                and not trouble
                and self._clock() < until
                and self._breaker.may_be_asked
                and self._lease.is_valid()
            ),
            share=share,
        ):
            try:
                if outcome is not None:
                    self._heard_at = self._clock()
                    count += self._note(*outcome)
                if self._leads and not trouble:
                    self._lease.hold()
            except Exception as e:
                # The loop still waits for publications under way.
                trouble.append(e)
        is_full = len(self._confirmed) >= self._options.outbox_batch
        if is_full or self._clock() >= self._delete_at:
            self._delete()
        if trouble:
            raise trouble[0]
        return count

    def _note(self, row: Row, error: Exception | None, hung: bool) -> bool:
        if error is not None:
            self._breaker.refused(row, error, hung)
            return False
        if not self._confirmed:
            self._delete_at = self._clock() + _LINGER
        self._confirmed.add(row.id)
        self._breaker.confirmed(row)
        return True

    def _delete(self) -> None:
        """Delete confirmed messages; an error of the database forgets none."""
        if self._confirmed:
            self._rows.delete(self._confirmed)
            self._confirmed.clear()
