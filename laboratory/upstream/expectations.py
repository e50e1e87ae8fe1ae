# SPDX-License-Identifier: Apache-2.0
"""Compare the results of a run with the list of expected failures."""

from collections.abc import Mapping
from collections.abc import Set
import pathlib

from laboratory import errors


def read(path: pathlib.Path) -> set[str]:
    """Read lines of ``test.id  # reason``, and comments."""
    try:
        text = path.read_text()
    except OSError as exc:
        raise errors.LaboratoryError(
            f'{path}: {exc.strerror}; create it (it may be empty)'
        ) from exc
    expected = set()
    for number, line in enumerate(text.splitlines(), 1):
        test_id, _, reason = (part.strip() for part in line.partition('#'))
        if test_id and not reason:
            raise errors.LaboratoryError(
                f'{path}:{number}: {test_id} has no reason; write '
                f'"{test_id}  # why it fails"'
            )
        expected |= {test_id} - {''}
    return expected


def contradictions(
    statuses: Mapping[str, str], loaded: Set[str], known: Set[str]
) -> dict[str, Set[str]]:
    """Return the tests that contradict the list, by what is wrong.

    :param loaded: the tests that must have a result
    :param known: those that must fail
    """

    def of(*wanted: str) -> set[str]:
        return {i for i, status in statuses.items() if status in wanted}

    running, skipped = of('exists', 'inprogress', 'unknown'), of('skip')
    failed = statuses.keys() - running - skipped - of('success', 'xfail')
    unfinished = running | (loaded - statuses.keys())
    return {
        'failed, not listed': failed - known,
        'listed, but did not fail': known - failed - unfinished,
        'never ended': unfinished,
        'skipped, as all others': skipped if skipped >= loaded else set(),
    }
