# SPDX-License-Identifier: Apache-2.0
"""What is shown while an audit runs."""

import io

import fixtures
from oslotest import base
from rich import console

from ironic_async_events.audit import summary
from ironic_async_events.command import terminal
from ironic_async_events.tests.samples import recordings

STEPS = [
    ('inspect', 'manageable', 'inspecting'),
    ('done', 'inspecting', 'manageable'),
] * 10


class LiveTest(base.BaseTestCase):
    def run_view(self, is_terminal):
        """Audit a recording that has a loss under a live view."""
        out = io.StringIO()
        screen = console.Console(
            file=out, force_terminal=is_terminal, width=120, color_system=None
        )
        self.useFixture(fixtures.MockPatchObject(terminal, '_EVERY', 0))
        audit = summary.Audit()
        life = recordings.observations(STEPS)
        # Square brackets are no markup here.
        life = [one._replace(node='node[red]') for one in life]
        del life[5]
        with terminal.View(audit, 'Audit of [bold]x', screen) as view:
            for seen in life:
                view.update(audit.take(seen))
            view.update(audit.finish())
            screen.print(view.picture(12.0))
        return out.getvalue()

    def test_a_terminal_shows_counts_and_the_latest_violations(self):
        shown = self.run_view(is_terminal=True)
        self.assertIn('Audit of [bold]x', shown)
        (line,) = {line for line in shown.splitlines() if 'node[red]' in line}
        self.assertIn(' lost ', line)
        self.assertIn('manageable -inspect-> inspecting (start)', shown)
        self.assertIn('12 s; Ctrl-C ends the audit', shown)

    def test_nothing_is_shown_where_there_is_no_terminal(self):
        # What is left is the picture that the test itself printed.
        shown = self.run_view(is_terminal=False)
        self.assertEqual(1, shown.count('Ctrl-C'))
