# SPDX-License-Identifier: Apache-2.0
"""Turn notifications into metrics for Prometheus.

The metrics show what notifications say. A node is in the state that was
announced last. ``prometheus_client`` is imported late: it comes with an extra.
"""

import collections
from collections.abc import Iterator
from collections.abc import Mapping
import importlib
import threading
import time
from typing import Any
from typing import NamedTuple

from ironic_async_events.audit import memory
from ironic_async_events.audit import observation as obs
from ironic_async_events.audit import operations
from ironic_async_events.audit import summary
from ironic_async_events.audit import table
from ironic_async_events.audit.violation import MEANINGS
from ironic_async_events.audit.violation import Kind
from ironic_async_events.audit.violation import Violation

_STATE = 'provision_set'
_STATUSES = ('start', 'end', 'error', 'success')
#: Upper bounds in seconds. Bare metal takes seconds to hours.
_BUCKETS = (1, 5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400)


class Family(NamedTuple):
    """A metric with the names of its labels; ``_total`` is a counter."""

    name: str
    help: str
    labels: tuple[str, ...] = ()

    def of(self, values: Mapping[Any, float]) -> Any:
        """Return the metric as the library has it.

        :param values: the values of the labels -> the value of the metric.
        """
        from prometheus_client import core

        counts = self.name.rpartition('_')[2] == 'total'
        make = core.CounterMetricFamily if counts else core.GaugeMetricFamily
        metric = make(self.name, self.help, labels=self.labels)
        for labels, value in values.items():
            metric.add_metric(labels, value)
        return metric


NODES = Family(
    'ironic_nodes',
    'Number of nodes, by provision state; "other" is a state that Ironic '
    'does not have.',
    ('provision_state',),
)
SINCE = Family(
    'ironic_node_provision_state_since_timestamp_seconds',
    'When the node came into its provision state.',
    ('node_uuid', 'provision_state'),
)
DURATION = Family(
    'ironic_node_operation_duration_seconds',
    'Duration of operations, wait states included, by the event that began '
    'the operation and its outcome: done, failed or aborted.',
    ('event', 'outcome'),
)
NOTIFICATIONS = Family(
    'ironic_node_notifications_total',
    'Notifications that were checked, by kind and status.',
    ('kind', 'status'),
)
VIOLATIONS = Family(
    'ironic_node_notification_violations_total',
    'Violations that the audit found: '
    + '; '.join(f'{kind.value}: {MEANINGS[kind]}' for kind in Kind)
    + '.',
    ('violation',),
)
MISSING = Family(
    'ironic_node_notifications_missing_total',
    'The fewest notifications that were lost.',
)
LATE = Family(
    'ironic_node_notifications_late_total',
    'Notifications that were counted as lost and arrived later.',
)
HELD = Family(
    'ironic_node_notifications_held_nodes',
    'Nodes with notifications that do not fit and are not judged yet.',
)
IGNORED = Family(
    'ironic_notifications_ignored_total',
    'Notifications of kinds that are not checked.',
)
MALFORMED = Family(
    'ironic_notifications_malformed_total',
    'Messages that are no notification.',
)
LAST = Family(
    'ironic_notifications_last_received_timestamp_seconds',
    'When the last notification was received; 0 before the first one.',
)
#: All metrics of notifications.
FAMILIES = (
    *(NODES, SINCE, DURATION, NOTIFICATIONS, VIOLATIONS, MISSING, LATE, HELD),
    *(IGNORED, MALFORMED, LAST),
)


class Metrics:
    """An audit that also knows the nodes.

    The main thread feeds it, and the threads of the server read it.

    :param each_node: whether to export since when each node is in its state.
    """

    def __init__(
        self,
        unfinished_after: float | None = None,
        hold: float = 10.0,
        each_node: bool = True,
    ) -> None:
        library = importlib.import_module('prometheus_client')
        self._lock = threading.Lock()
        self._audit = summary.Audit(unfinished_after, hold)
        self._each_node = each_node
        #: Node -> its state, and since when, if that is known.
        self._nodes: dict[str, tuple[str, float | None]] = {}
        self._deleted = memory.Deleted()
        self._operations = operations.Durations()
        # When a time series began is of no use, and a series more for each.
        library.disable_created_metrics()
        self._durations = library.Histogram(
            *DURATION, buckets=_BUCKETS, registry=None
        )
        self._counts = collections.Counter(
            {(_STATE, status): 0 for status in _STATUSES}
        )
        self._late = 0
        self._last = 0.0

    def know(self, node: str, state: str | None, since: float | None) -> None:
        """Add a node that no notification has named so far."""
        self._nodes.setdefault(node, (_label(state), since))

    def take(self, batch: list[obs.Seen], live: bool = False) -> None:
        """Add messages.

        :param live: whether the clock of this machine is the clock of the
            notifications.
        """
        with self._lock:
            for seen in batch:
                violations = self._note(self._audit.take(seen))
                if isinstance(seen, obs.Observation):
                    self._counts[seen.kind, seen.status] += 1
                    self._last = max(self._last, seen.when or 0.0)
                    old = any(
                        each.observation is seen
                        and (each.fills or each.kind is Kind.DUPLICATE)
                        for each in violations
                    )
                    if not old:
                        self._move(seen)
            if live:
                self._note(self._audit.advance(time.time()))

    def _note(self, violations: list[Violation]) -> list[Violation]:
        self._late += sum(violation.fills for violation in violations)
        return violations

    def _move(self, seen: obs.Observation) -> None:
        """Note what a notification says about its node."""
        # The time of sending: a message may have waited in an outbox.
        now = seen.time or seen.when or 0.0
        if self._deleted.names(seen, now):
            return
        if seen.kind == _STATE:
            ended = self._operations.take(seen, now)
            if ended is not None:
                event, outcome, seconds = ended
                self._durations.labels(event, outcome).observe(seconds)
            self._nodes[seen.node] = (_label(seen.state), now)
        elif seen.kind == 'create' and seen.status == 'end':
            # The API announces it: the conductor may have been faster.
            self.know(seen.node, seen.state, now)
        elif seen.kind == 'delete' and seen.status == 'end':
            self._operations.forget(seen.node)
            self._nodes.pop(seen.node, None)
            self._deleted.add(seen.node, now)

    def collect(self) -> Iterator[Any]:
        """Yield all metrics, of one moment. Called by any thread.

        A counter never goes back, so a late notification, which takes a loss
        back in the audit, is counted by itself.
        """
        with self._lock:
            audit, late = self._audit, self._late
            states = collections.Counter(
                (state,) for state, _ in self._nodes.values()
            )
            since = {
                (node, state): time
                for node, (state, time) in self._nodes.items()
                if time is not None
            }
            violations = {
                (kind.value,): count + late * (kind is Kind.LOST)
                for kind, count in audit.counts.items()
            }
            collected = [
                NODES.of(states),
                *([SINCE.of(since)] if self._each_node else []),
                *self._durations.collect(),
                NOTIFICATIONS.of(self._counts),
                VIOLATIONS.of(violations),
                MISSING.of({(): audit.missing + late}),
                LATE.of({(): late}),
                HELD.of({(): audit.held}),
                IGNORED.of({(): audit.ignored}),
                MALFORMED.of({(): audit.malformed}),
                LAST.of({(): self._last}),
            ]
        yield from collected


def _label(state: str | None) -> str:
    """Return the label for a provision state."""
    if state is None:
        return 'none'
    return state if state in table.STATES else operations.OTHER
