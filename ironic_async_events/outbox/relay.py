# SPDX-License-Identifier: Apache-2.0
"""Publish stored messages, turn by turn, while this relay leads."""

from collections.abc import Callable
from collections.abc import Sequence
import dataclasses

from oslo_log import log as logging

from ironic_async_events.outbox import outage
from ironic_async_events.outbox import stored
from ironic_async_events.outbox.judging import Judge
from ironic_async_events.outbox.lanes import Lanes
from ironic_async_events.outbox.lease import Lease
from ironic_async_events.outbox.trains import Outcome
from ironic_async_events.outbox.watch import Watch

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


@dataclasses.dataclass(frozen=True, slots=True)
class Pause:
    """The pause before the next turn.

    :param seconds: how long to wait
    :param for_messages: whether a message of this process ends the pause
    """

    seconds: float
    for_messages: bool = True


class Relay:
    """Publishes stored messages, as long as it has the lease.

    Each relay begins with the oldest message of a subject and skips none. So
    first occurrences are in order, even when two relays publish at once.

    :param rows: the messages
    :param lease: this relay's view of the lease
    :param lanes: publish messages and wait for the confirmations
    :param judge: judges refusals of the bus
    :param watch: reports the backlog
    :param clock: tells the time, in seconds
    :param batch: how many messages are read and deleted at once
    :param poll: seconds between two reads, for messages of other processes
    :param linger: for how many seconds a confirmed message may stay, so that
        more messages are deleted at once; a crash repeats these messages
    """

    def __init__(
        self,
        rows: stored.Rows,
        lease: Lease,
        lanes: Lanes,
        judge: Judge,
        watch: Watch,
        clock: Callable[[], float],
        batch: int,
        poll: float,
        linger: float = 0.0,
    ) -> None:
        self._rows = rows
        self._lease = lease
        self._lanes = lanes
        self._judge = judge
        self._suspects = judge.suspects
        self._watch = watch
        self._batch = batch
        self._poll = poll
        self._clock = clock
        self._database = outage.Outage('the database', clock)
        self._confirmed = stored.Confirmed(rows, batch, linger, clock)
        self._leads = False
        # How often the lease was taken: rows read before it are out of date.
        self._term = 0
        # When the bus last answered.
        self._heard_at = clock()

    def turn(self) -> Pause:
        """Publish a batch if this relay leads. Never raises.

        :returns: the pause before the next turn
        """
        try:
            pause = self._turn()
        except Exception as e:
            if not self._database.lasts:
                LOG.debug('The relay of the outbox failed', exc_info=True)
            return Pause(self._database.failed(e), for_messages=False)
        self._database.over()
        return pause

    def drain(self) -> bool:
        """Publish a batch while the conductor shuts down. Never raises.

        :returns: whether there may be more messages to publish
        """
        try:
            self._judge.begin()
            if not self._hold() or self._judge.seconds_to_retry():
                return False
            return self._publish(self._read()) > 0
        except Exception:
            return False

    def end(self) -> None:
        """Give the lease up. Never raises."""
        self._lanes.end()
        try:
            self._confirmed.delete()
            if self._leads:
                self._lease.give_up()
        except Exception as e:
            LOG.warning(
                'The relay of the outbox could not give up its lease; '
                'another relay takes over when the lease ends. %s',
                e,
            )

    def _turn(self) -> Pause:
        self._judge.begin()
        if not self._lanes.busy:
            self._heard_at = self._clock()
        # A publication that hung may have ended.
        self._publish(())
        if self._clock() - self._heard_at >= _STALLED:
            return self._step_back()
        leads, to_lease = self._hold(), self._lease.seconds_to_next()
        if not leads:
            # The new leader would publish them again.
            self._confirmed.delete()
            return Pause(to_lease, for_messages=False)
        backlog = self._watch.look()
        self._suspects.read(backlog.refused if backlog else 0)
        if self._publish_some():
            return Pause(0)
        left = self._judge.seconds_to_retry() or self._poll
        return Pause(min(left, self._poll, to_lease))

    def _publish_some(self) -> bool:
        """Publish messages, first about subjects without a refusal.

        :returns: whether there are more messages to publish now
        """
        pauses = self._judge.seconds_to_retry() > 0
        fresh = self._read(pauses)
        done = self._publish(fresh)
        if pauses and not done:
            return False
        closed = self._lanes.closed
        full = len(fresh) >= self._batch or pauses or bool(closed)
        asked_all = self._judge.may_be_asked and not full
        self._judge.begin_again()
        due = self._suspects.read_due(
            self._lanes.busy, closed, self._confirmed.ids
        )
        retried = self._publish(due, _DUE, _SHARE)
        self._suspects.set_aside_guilty()
        self._judge.end(asked_all)
        return bool(retried or (done and (full or done < len(fresh))))

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
        if leads and not self._leads:
            LOG.info('This conductor relays the messages of the outbox now')
            # Another relay may have published the suspects.
            self._suspects.clear()
            self._term += 1
        elif self._leads and not leads:
            LOG.info('Another conductor relays the messages of the outbox')
        self._leads = leads
        return leads

    def _read(self, pauses: bool = False) -> list[stored.Row]:
        """Read messages about subjects without a refusal.

        First those to destinations where nothing hangs and nothing was
        refused. So they wait for no others, however many there are.

        :param pauses: whether to leave out destinations that refuse
        """
        self._suspects.mark(self._lease.holder)
        closed = self._lanes.closed | (
            self._judge.refusing if pauses else set()
        )
        troubled = self._judge.doubted | self._lanes.hanging.keys()
        found: dict[int, stored.Row] = {}
        for without in dict.fromkeys(
            map(frozenset, (closed | troubled, closed))
        ):
            for row in self._rows.waiting(
                self._batch, self._lanes.busy, self._confirmed.ids, without
            ):
                found.setdefault(row.id, row)
        return list(found.values())

    def _publish(
        self,
        rows: Sequence[stored.Row],
        seconds: float = _FRESH,
        share: int = 1,
    ) -> int:
        """Publish messages, and note the outcomes.

        Also returns when the bus does not answer. A later turn notes the
        outcome of a publication that hangs.

        :param rows: the messages
        :param seconds: after which no more publication begins
        :param share: use only one of so many lanes
        :returns: how many the bus has confirmed
        """
        if not rows and not self._lanes.busy:
            self._confirmed.delete_some()
            return 0
        count = 0
        trouble: list[Exception] = []
        term = self._term
        until = self._clock() + seconds
        for outcome in self._lanes.go(
            rows,
            may=lambda: (
                term == self._term
                and not trouble
                and self._clock() < until
                and self._judge.may_be_asked
                and self._lease.is_valid()
            ),
            again=lambda: self._judge.is_trusted,
            share=share,
        ):
            try:
                if outcome is not None:
                    self._heard_at = self._clock()
                    count += self._note(outcome)
                if self._leads and not trouble:
                    self._lease.hold()
            except Exception as e:
                # The loop still waits for publications under way.
                trouble.append(e)
        self._confirmed.delete_some()
        if trouble:
            raise trouble[0]
        return count

    def _note(self, outcome: Outcome) -> bool:
        if outcome.error is not None:
            self._judge.refused(outcome.row, outcome.error, outcome.hung)
            return False
        self._confirmed.add(outcome.row.id)
        self._judge.confirmed(outcome.row, self._waited)
        return True

    def _waited(self) -> int:
        """Count the messages that wait, and the message that just passed."""
        return self._rows.backlog().count - len(self._confirmed.ids) + 1
