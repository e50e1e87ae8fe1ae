# SPDX-License-Identifier: Apache-2.0
"""After 202, the next GET shows the new state; who waits, waits long enough.

Where an operation ends in the state in which it began, clients depend on it.
"""

from ironic_async_events.tests.functional import base
from laboratory import lifecycle
from laboratory import run
from laboratory import waiting


class WaitForEnd(base.FunctionalTestCase):
    """openstacksdk returns when the work was done, not before."""

    def waited(self, options: dict[str, dict[str, object]]):
        """Wait for each operation, and say what had been saved by then."""
        wanted = run.Run(plugin=True, options=waiting.DELAYS | options)
        return {
            one.name: one.states
            for one in waiting.wait_for_each(self.start(wanted))
        }

    def test_the_work_is_done_when_the_call_returns(self):
        self.assertEqual(
            {
                'clean': ['cleaning', 'manageable'],
                'inspect': ['inspecting', 'manageable'],
                'rebuild': ['deploying', 'active'],
                'service': ['servicing', 'active'],
            },
            self.waited({}),
        )


class NotWaitingForTheWorker(base.FunctionalTestCase):
    """What these tests watch for, they find where it is allowed."""

    def test_a_get_may_show_the_old_state(self):
        wanted = run.Run(
            plugin=True,
            clients=base.CLIENTS,
            operations=lifecycle.SHORT_LIFE,
            options={'async_events': {'start_timeout': 0}},
        )
        result = self.measure(wanted)
        self.assertNotEqual([], list(result.get_violations))
        # The workers announce what they saved all the same.
        self.assertEqual([], list(result.account.rows)[:10])
