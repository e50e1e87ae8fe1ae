# SPDX-License-Identifier: Apache-2.0
"""Compare the results of a run with the list of expected failures."""

from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses
import pathlib

from laboratory import errors

#: What stestr says of a test that did what it promised.
GOOD = frozenset({'success', 'xfail'})


def read(path: pathlib.Path) -> dict[str, str]:
    """Read lines of ``test.id  # reason``, and comments."""
    try:
        text = path.read_text()
    except OSError as exc:
        raise errors.LaboratoryError(
            f'{path}: {exc.strerror}; create it (it may be empty)'
        ) from exc
    expected: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        test_id, _, reason = (part.strip() for part in line.partition('#'))
        if not test_id:
            continue
        if not reason:
            raise errors.LaboratoryError(
                f'{path}:{number}: {test_id} has no reason; write '
                f'"{test_id}  # why it fails"'
            )
        if test_id in expected:
            raise errors.LaboratoryError(
                f'{path}:{number}: {test_id} is listed twice; remove one'
            )
        expected[test_id] = reason
    return expected


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What a run says once the expected failures are taken out."""

    passed: frozenset[str]
    skipped: frozenset[str]
    # Failed, and listed or not.
    expected: frozenset[str]
    unexpected: frozenset[str]
    # Listed, but passed, skipped or gone.
    stale: frozenset[str]
    # Loaded, but without a result.
    unfinished: frozenset[str]

    @property
    def failed(self) -> int:
        """How many tests contradict the list."""
        return len(self.unexpected | self.stale | self.unfinished)

    @property
    def good(self) -> bool:
        ran = self.passed or self.expected
        return bool(ran) and not self.failed


def judge(
    results: Mapping[str, str], loaded: Iterable[str], expected: Iterable[str]
) -> Verdict:
    """Compare results with the tests loaded and the failures expected."""
    known = frozenset(expected)
    running = ('exists', 'inprogress', 'unknown')
    ended = {i: s for i, s in results.items() if s not in running}
    good = frozenset(i for i, s in ended.items() if s in GOOD)
    skipped = frozenset(i for i, s in ended.items() if s == 'skip')
    bad = frozenset(ended) - good - skipped
    unfinished = (frozenset(results) | frozenset(loaded)) - frozenset(ended)
    return Verdict(
        passed=good - known,
        skipped=skipped - known,
        expected=bad & known,
        unexpected=bad - known,
        stale=known - bad - unfinished,
        unfinished=unfinished,
    )
