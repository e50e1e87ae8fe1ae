# SPDX-License-Identifier: Apache-2.0
"""Count messages and violations of an audit."""

import collections

from ironic_async_events.audit import observation as obs
from ironic_async_events.audit import rules
from ironic_async_events.audit.violation import Kind
from ironic_async_events.audit.violation import Violation

#: All violations and malformed messages are counted; this many violations
#: and this many reasons are kept.
KEPT = 1000


class Audit(rules.Checker):
    """A checker with counters; used by one thread at a time."""

    def __init__(
        self, unfinished_after: float | None = None, hold: float = 10.0
    ) -> None:
        super().__init__(unfinished_after, hold)
        #: All messages, including ignored and malformed messages.
        self.messages = 0
        #: Notifications of kinds that are not checked.
        self.ignored = 0
        self.malformed = 0
        #: Reasons of malformed messages, the first :data:`KEPT`.
        self.reasons: collections.Counter[str] = collections.Counter()
        self.counts: dict[Kind, int] = dict.fromkeys(Kind, 0)
        #: The fewest notifications that can be missing.
        self.missing = 0
        #: The first :data:`KEPT` violations.
        self.violations: list[Violation] = []

    @property
    def checked(self) -> int:
        """Number of notifications that were checked."""
        return self.messages - self.ignored - self.malformed

    @property
    def clean(self) -> bool:
        """Whether there is no violation; a malformed message is none."""
        return not any(self.counts.values())

    def take(self, seen: obs.Seen) -> list[Violation]:
        """Add a message."""
        self.messages += 1
        if isinstance(seen, obs.Malformed):
            self.malformed += 1
            if seen.reason in self.reasons or len(self.reasons) < KEPT:
                self.reasons[seen.reason] += 1
        elif isinstance(seen, obs.Ignored):
            self.ignored += 1
        return self._count(self.add(seen))

    def advance(self, now: float) -> list[Violation]:
        """See :meth:`rules.Checker.advance`."""
        return self._count(super().advance(now))

    def finish(self, complete: bool = False) -> list[Violation]:
        """See :meth:`rules.Checker.finish`."""
        return self._count(super().finish(complete))

    def _count(self, violations: list[Violation]) -> list[Violation]:
        for violation in violations:
            self.counts[violation.kind] += 1
            if violation.kind is Kind.LOST:
                # When the machine cannot say how many, at least one.
                self.missing += violation.missing or 1
            if violation.fills:
                self.counts[Kind.LOST] -= 1
                self.missing -= 1
            if len(self.violations) < KEPT:
                self.violations.append(violation)
        return violations

    def rows(self) -> list[tuple[str, int]]:
        """Return all counts with their names, for a table."""
        names = ('messages', 'checked', 'ignored', 'malformed')
        return [
            *((name, getattr(self, name)) for name in names),
            *((kind.value, count) for kind, count in self.counts.items()),
            ('missing at least', self.missing),
        ]
