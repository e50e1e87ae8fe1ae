# SPDX-License-Identifier: Apache-2.0
"""The judge of the table judges right."""

from typing import Any

from oslotest import base

from ironic_async_events.tests.unit.spawn_failures import cases
from ironic_async_events.tests.unit.spawn_failures import outcome

BEFORE = {
    'provision_state': 'active',
    'target_power_state': None,
    'reservation': None,
    'last_error': None,
    'updated_at': 1,
}


def _outcome(
    before: dict[str, Any] | None = None, **arguments: Any
) -> outcome.Outcome:
    fields = {**BEFORE, **(before or {})}
    after = {**fields, **arguments.pop('after', {})}
    return outcome.Outcome('a case', fields, after, **arguments)


class FaultsTestCase(base.BaseTestCase):
    """What the plugin is measured by."""

    def test_an_error_and_one_record_are_no_fault(self) -> None:
        seen = _outcome(after={'last_error': 'x', 'updated_at': 2}, records=1)
        self.assertEqual([], seen.faults())

    def test_every_other_field_counts(self) -> None:
        seen = _outcome(after={'reservation': 'me', 'lessee': 'you'})
        self.assertEqual(
            ["lessee: None -> 'you'", "reservation: None -> 'me'"],
            seen.faults(),
        )

    def test_a_second_record_is_a_fault(self) -> None:
        self.assertEqual(
            ['2 new records in its history'], _outcome(records=2).faults()
        )

    def test_a_notification_is_a_fault(self) -> None:
        self.assertEqual(
            ['sent baremetal.x'],
            _outcome(notifications=('baremetal.x',)).faults(),
        )

    def test_a_node_has_to_be_found_by_the_very_next_pass(self) -> None:
        faults = {
            found: _outcome(found=found).faults() for found in outcome.Found
        }
        self.assertEqual(
            {
                outcome.Found.NOT_ASKED: [],
                outcome.Found.NEXT: [],
                outcome.Found.LATER: ['found after another time-out'],
                outcome.Found.NEVER: ['never found again'],
            },
            faults,
        )


class FateTestCase(base.BaseTestCase):
    """The columns of the table of stock Ironic."""

    def test_leftovers_do_not_matter(self) -> None:
        seen = _outcome(after={'lessee': 'you', 'last_error': 'x'}, records=1)
        self.assertIs(outcome.Fate.AS_BEFORE, seen.fate)

    def test_a_transient_state_is_stuck(self) -> None:
        seen = _outcome(after={'provision_state': 'deploying'})
        self.assertIs(outcome.Fate.STUCK, seen.fate)

    def test_a_power_action_without_worker_is_stuck(self) -> None:
        seen = _outcome(after={'target_power_state': 'power on'})
        self.assertIs(outcome.Fate.STUCK, seen.fate)

    def test_another_lasting_state_is_moved(self) -> None:
        seen = _outcome(after={'provision_state': 'service wait'})
        self.assertIs(outcome.Fate.MOVED, seen.fate)

    def test_a_node_that_no_pass_finds_is_stuck(self) -> None:
        seen = _outcome(
            before={'provision_state': 'inspect wait'},
            after={'last_error': 'x'},
            found=outcome.Found.NEVER,
        )
        self.assertIs(outcome.Fate.STUCK, seen.fate)

    def test_an_untouched_transient_state_is_as_before(self) -> None:
        transient = {'provision_state': 'deploying'}
        self.assertIs(
            outcome.Fate.AS_BEFORE,
            _outcome(before=transient, after={'updated_at': 2}).fate,
        )
        self.assertIs(
            outcome.Fate.STUCK,
            _outcome(before=transient, after={'last_error': 'x'}).fate,
        )


class CasesTestCase(base.BaseTestCase):
    """The table is complete and its rows can be told apart."""

    def test_there_are_seventy(self) -> None:
        self.assertEqual(70, len(cases.CASES))

    def test_no_name_is_given_twice(self) -> None:
        names = [case.name for case in cases.CASES]
        self.assertEqual(sorted(set(names)), sorted(names))
