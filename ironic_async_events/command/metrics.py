# SPDX-License-Identifier: Apache-2.0
"""Turn notifications into metrics, as values to export.

The metrics show what notifications say. A node is in the state that was
announced last.
"""

import collections
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import NamedTuple

from ironic_async_events.audit import deleted
from ironic_async_events.audit import machine
from ironic_async_events.audit import observation as obs
from ironic_async_events.audit import operations
from ironic_async_events.audit import summary
from ironic_async_events.audit.violation import Kind
from ironic_async_events.audit.violation import Violation

_STATE = 'provision_set'
_STATUSES = ('start', 'end', 'error', 'success')


class Family(NamedTuple):
    """A metric with its labels.

    :param name: the name, as it is exported.
    :param kind: ``gauge``, ``counter`` or ``histogram``.
    :param help: one line for people.
    :param labels: the names of the labels.
    """

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ()


NODES = Family(
    'ironic_nodes',
    'gauge',
    'Number of nodes, by provision state; "other" is a state that Ironic '
    'does not have.',
    ('provision_state',),
)
SINCE = Family(
    'ironic_node_provision_state_since_timestamp_seconds',
    'gauge',
    'When the node came into its provision state.',
    ('node_uuid', 'provision_state'),
)
DURATION = Family(
    'ironic_node_operation_duration_seconds',
    'histogram',
    'Duration of operations, wait states included, by the event that began '
    'the operation and its outcome: done, failed or aborted.',
    ('event', 'outcome'),
)
NOTIFICATIONS = Family(
    'ironic_node_notifications_total',
    'counter',
    'Notifications that were checked, by kind and status.',
    ('kind', 'status'),
)
VIOLATIONS = Family(
    'ironic_node_notification_violations_total',
    'counter',
    'Violations that the audit found: '
    + '; '.join(f'{kind.value}: {kind.meaning}' for kind in Kind)
    + '.',
    ('violation',),
)
MISSING = Family(
    'ironic_node_notifications_missing_total',
    'counter',
    'The fewest notifications that were lost.',
)
LATE = Family(
    'ironic_node_notifications_late_total',
    'counter',
    'Notifications that were counted as lost and arrived later.',
)
HELD = Family(
    'ironic_node_notifications_held_nodes',
    'gauge',
    'Nodes with notifications that do not fit and are not judged yet.',
)
IGNORED = Family(
    'ironic_notifications_ignored_total',
    'counter',
    'Notifications of kinds that are not checked.',
)
MALFORMED = Family(
    'ironic_notifications_malformed_total',
    'counter',
    'Messages that are no notification.',
)
LAST = Family(
    'ironic_notifications_last_received_timestamp_seconds',
    'gauge',
    'When the last notification was received; 0 before the first one.',
)
#: All metrics of notifications.
FAMILIES = (
    NODES,
    SINCE,
    DURATION,
    NOTIFICATIONS,
    VIOLATIONS,
    MISSING,
    LATE,
    HELD,
    IGNORED,
    MALFORMED,
    LAST,
)
Value = float | operations.Histogram
#: The values of the labels -> the value of the metric.
Values = Mapping[tuple[str, ...], Value]
Reading = tuple[Family, Values]


class Metrics:
    """An audit that also knows the nodes; used by one thread at a time.

    :param unfinished_after: as for :class:`summary.Audit`.
    :param hold: as for :class:`summary.Audit`.
    :param buckets: upper bounds for durations, in seconds.
    :param each_node: whether to export since when each node is in its state.
    """

    def __init__(
        self,
        unfinished_after: float | None = None,
        hold: float = 10.0,
        buckets: Sequence[float] = operations.BUCKETS,
        each_node: bool = True,
    ) -> None:
        self._audit = summary.Audit(unfinished_after, hold)
        self._each_node = each_node
        #: Node -> its state, and since when, if that is known.
        self._nodes: dict[str, tuple[str, float | None]] = {}
        self._deleted = deleted.Deleted()
        self._operations = operations.Operations(buckets)
        self._counts: collections.Counter[tuple[str, ...]]
        self._counts = collections.Counter(
            {(_STATE, status): 0 for status in _STATUSES}
        )
        self._late = 0
        self._last = 0.0

    def know(self, node: str, state: str | None, since: float | None) -> None:
        """Add a node that no notification has named so far.

        :param node: the UUID of the node.
        :param state: its provision state.
        :param since: when the node came into this state; None if unknown.
        """
        self._nodes.setdefault(node, (_label(state), since))

    def take(
        self, seen: obs.Observation | obs.Malformed | obs.Ignored
    ) -> None:
        """Add a message.

        :param seen: the return value of ``observe``.
        """
        violations = self._audit.take(seen)
        self._note(violations)
        if not isinstance(seen, obs.Observation):
            return
        self._counts[seen.kind, seen.status] += 1
        self._last = max(self._last, seen.when or 0.0)
        old = any(
            violation.observation is seen
            and (violation.fills or violation.kind is Kind.DUPLICATE)
            for violation in violations
        )
        if not old:
            self._move(seen)

    def advance(self, now: float) -> None:
        """Advance the clock without a notification.

        :param now: seconds since 1970.
        """
        self._note(self._audit.advance(now))

    def finish(self) -> None:
        """Judge the notifications that are held."""
        self._note(self._audit.finish())

    def _note(self, violations: list[Violation]) -> None:
        self._late += sum(violation.fills for violation in violations)

    def _move(self, seen: obs.Observation) -> None:
        """Note what a notification says about its node."""
        # The time of sending: a message may have waited in an outbox.
        now = seen.time or seen.when or 0.0
        if self._deleted.names(seen, now):
            return
        if seen.kind == _STATE:
            self._operations.take(seen, now)
            self._nodes[seen.node] = (_label(seen.state), now)
        elif seen.kind == 'create' and seen.status == 'end':
            # The API announces it: the conductor may have been faster.
            self.know(seen.node, seen.state, now)
        elif seen.kind == 'delete' and seen.status == 'end':
            self._operations.forget(seen.node)
            self._nodes.pop(seen.node, None)
            self._deleted.add(seen.node, now)

    def values(self) -> Iterator[Reading]:
        """Yield each metric with its values.

        A counter never goes back, so a late notification, which takes a loss
        back in the audit, is counted by itself.
        """
        audit, late = self._audit, self._late
        states = collections.Counter(
            state for state, _ in self._nodes.values()
        )
        yield NODES, {(state,): count for state, count in states.items()}
        if self._each_node:
            yield (
                SINCE,
                {
                    (node, state): since
                    for node, (state, since) in self._nodes.items()
                    if since is not None
                },
            )
        yield DURATION, dict(self._operations.durations)
        yield NOTIFICATIONS, dict(self._counts)
        yield (
            VIOLATIONS,
            {
                (kind.value,): count + late * (kind is Kind.LOST)
                for kind, count in audit.counts.items()
            },
        )
        yield MISSING, {(): audit.missing + late}
        yield LATE, {(): late}
        yield HELD, {(): audit.held}
        yield IGNORED, {(): audit.ignored}
        yield MALFORMED, {(): audit.malformed}
        yield LAST, {(): self._last}


def _label(state: str | None) -> str:
    """Return the label for a provision state."""
    if state is None:
        return 'none'
    return state if machine.knows(state) else operations.OTHER
