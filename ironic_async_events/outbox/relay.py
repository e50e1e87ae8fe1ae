# SPDX-License-Identifier: Apache-2.0
"""What the thread of the relay does, turn by turn."""

from collections.abc import Callable
from collections.abc import Sequence
import dataclasses

from oslo_log import log as logging

from ironic_async_events.outbox import lanes
from ironic_async_events.outbox import lease as leasing
from ironic_async_events.outbox import outage
from ironic_async_events.outbox import ports
from ironic_async_events.outbox import publisher
from ironic_async_events.outbox import store
from ironic_async_events.outbox import suspects
from ironic_async_events.outbox import watch

LOG = logging.getLogger(__name__)

# After so many seconds without an answer of the bus, the lease is let go.
_STALLED = 30.0


@dataclasses.dataclass(frozen=True, slots=True)
class Pause:
    """What to do before the next turn.

    :param seconds: how long to wait
    :param for_messages: whether a message of this process ends the wait
    """

    seconds: float
    for_messages: bool = True


class Relay:
    """Publishes what is stored, as long as it has the lease.

    Each relay that publishes begins with the oldest message of a subject and
    leaves none out. So whoever publishes a message has published those
    before it, and first occurrences are in order even if two relays should
    be at work at the same time.

    :param rows: the messages
    :param lease: this relay's view of the lease
    :param lanes: publish messages and wait for the confirmations
    :param suspects: messages that were refused
    :param watch: looks at the backlog
    :param clock: tells the time, in seconds
    :param batch: how many messages are read and deleted at once
    :param poll: seconds between two looks for messages of other processes
    :param linger: for how many seconds what the bus has confirmed may stay,
        so that more of it is deleted at once; after a crash it is published
        once more
    """

    def __init__(
        self,
        rows: ports.Rows,
        lease: leasing.Lease,
        lanes: ports.Lanes,
        suspects: suspects.Suspects,
        watch: watch.Watch,
        clock: Callable[[], float],
        batch: int,
        poll: float,
        linger: float = 0.0,
    ) -> None:
        self._rows = rows
        self._lease = lease
        self._lanes = lanes
        self._suspects = suspects
        self._watch = watch
        self._batch = batch
        self._poll = poll
        self._linger = linger
        self._clock = clock
        self._bus = outage.Outage('the message bus', clock)
        self._database = outage.Outage('the database', clock)
        # Confirmed by the bus, not deleted yet.
        self._confirmed: dict[int, None] = {}
        self._delete_at = 0.0
        # Subjects with a message that was refused, since one passed.
        self._refused: set[str] = set()
        # No message is tried before; None while the bus is there.
        self._retry_at: float | None = None
        self._leads = False

    def turn(self) -> Pause:
        """Publish a batch, if it is this relay's turn.

        Never raises.

        :returns: how long to wait for the next turn
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
        """Publish a batch on the way out.

        Never raises.

        :returns: whether there may be more that can be published
        """
        try:
            if not self._lease.hold() or self._retry_at is not None:
                return False
            return self._publish_all(self._read()) > 0
        except Exception:
            return False

    def end(self) -> None:
        """Give the lease up. Never raises."""
        self._lanes.end()
        try:
            self._delete()
            if self._leads:
                self._lease.give_up()
        except Exception as e:
            LOG.warning(
                'The relay of the outbox could not give up its lease; '
                'another takes over when it ends. %s',
                e,
            )

    def _turn(self) -> Pause:
        self._delete_some()
        leads = self._hold()
        to_lease = self._lease.seconds_to_next()
        if not leads:
            # Another would publish them once more.
            self._delete()
            return Pause(to_lease, for_messages=False)
        self._watch.look()
        if self._retry_at is not None:
            left = self._retry_at - self._clock()
            if left > 0:
                return Pause(min(left, to_lease), for_messages=False)
            self._retry_at = None
            self._refused.clear()
            self._suspects.try_all()
        found = self._read()
        self._publish_all(found)
        full = len(found) == self._batch
        return Pause(0 if full else min(self._poll, to_lease))

    def _hold(self) -> bool:
        leads = self._lease.hold()
        if leads and not self._leads:
            LOG.info('This conductor relays the messages of the outbox now')
            # Others may have tried in the meantime.
            self._suspects.clear()
        elif self._leads and not leads:
            LOG.info('Another conductor relays the messages of the outbox')
        self._leads = leads
        return leads

    def _read(self) -> list[store.Row]:
        return self._rows.waiting(
            self._batch, self._suspects.blocked(), self._confirmed.keys()
        )

    def _publish_all(self, found: Sequence[store.Row]) -> int:
        """Publish messages, and note which of them the bus has confirmed.

        :returns: how many the bus has confirmed
        """
        count = 0
        heard = self._clock()
        trouble: list[Exception] = []
        for one in self._lanes.go(
            found,
            may=lambda: not trouble and self._may_publish(),
            again=not self._refused,
            patience=self._lease.seconds_to_next,
        ):
            if one is not None:
                heard = self._clock()
                if one.error is None:
                    if not self._confirmed:
                        self._delete_at = heard + self._linger
                    self._confirmed[one.row.id] = None
                    count += 1
            try:
                # A bus that neither takes a message nor refuses it: another
                # conductor may have better luck.
                if self._clock() - heard < _STALLED:
                    self._lease.hold()
                if one is not None:
                    self._note(one)
            except Exception as e:
                # What is on its way is waited for all the same.
                trouble.append(e)
        self._delete_some()
        if trouble:
            raise trouble[0]
        return count

    def _may_publish(self) -> bool:
        """Tell whether to go on. Called by the threads of the lanes."""
        return self._retry_at is None and self._lease.is_valid()

    def _note(self, one: lanes.Outcome) -> None:
        if one.error is None:
            self._was_confirmed(one.row)
        else:
            self._was_refused(one.row, one.error)

    def _was_confirmed(self, row: store.Row) -> None:
        self._refused.clear()
        for guilty in self._suspects.passed(row.subject):
            self._set_aside(guilty)
        if self._bus.lasts:
            self._bus.over(self._waited)

    def _was_refused(self, row: store.Row, error: Exception) -> None:
        own = publisher.is_own_fault(error)
        again = row.subject in self._refused
        suspect = self._suspects.refused(row.id, row.subject, error, own)
        if suspect is not None:
            self._set_aside(suspect)
        if own:
            return
        self._refused.add(row.subject)
        if len(self._refused) > 1:
            # Two that are about different things, and nothing that passed in
            # between: it is not the messages.
            self._retry_at = self._clock() + self._bus.failed(error)
        elif again:
            # There is no other message that could tell.
            self._bus.failed(error)

    def _set_aside(self, one: suspects.Suspect) -> None:
        self._rows.set_aside(one.id, one.attempts, one.error)
        self._suspects.forget(one.subject)
        self._refused.discard(one.subject)
        LOG.error(
            'Message %(id)d of the outbox, about %(subject)s, was refused '
            '%(attempts)d times by itself and is set aside: %(error)s. See '
            '"ironic-async-events outbox list".',
            {
                'id': one.id,
                'subject': one.subject,
                'attempts': one.attempts,
                'error': one.error,
            },
        )

    def _waited(self) -> int:
        """Count what waits, and the one that has just passed."""
        return self._rows.backlog().count - len(self._confirmed) + 1

    def _delete_some(self) -> None:
        """Delete when it is time to, or when a batch has come together."""
        if (
            len(self._confirmed) >= self._batch
            or self._clock() >= self._delete_at
        ):
            self._delete()

    def _delete(self) -> None:
        if self._confirmed:
            self._rows.delete(self._confirmed.keys())
            self._confirmed.clear()
