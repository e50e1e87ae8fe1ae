# SPDX-License-Identifier: Apache-2.0
"""The program as its user meets it."""

import importlib.util
import io
import json
import os
import xml.etree.ElementTree

import fixtures
from oslotest import base
import testtools

from ironic_async_events.audit import table
from ironic_async_events.command import app
from ironic_async_events.command import drawing
from ironic_async_events.tests.samples import recordings

STEPS = [
    ('manage', 'enroll', 'verifying'),
    ('done', 'verifying', 'manageable'),
    ('inspect', 'manageable', 'inspecting'),
    ('done', 'inspecting', 'manageable'),
    ('provide', 'manageable', 'cleaning'),
    ('done', 'cleaning', 'available'),
]


def _words(text):
    """Text without its line breaks."""
    return ' '.join(text.split())


#: It comes with the extra audit; nothing else that is tested needs it.
needs_matplotlib = testtools.skipUnless(
    importlib.util.find_spec('matplotlib'), 'matplotlib is not installed'
)


class CommandTestCase(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.directory = self.useFixture(fixtures.TempDir()).path
        self.useFixture(fixtures.EnvironmentVariable('COLUMNS', '100'))

    def write(self, *left_out, nodes=1):
        path = os.path.join(self.directory, 'recording.jsonl')
        with open(path, 'w') as stream:
            for node in range(nodes):
                for number, step in enumerate(STEPS):
                    if number in left_out:
                        continue
                    when = recordings.START.replace(second=5 * number)
                    message = recordings.message(
                        step, f'node-{node:04}', node, when, f'{node}-{number}'
                    )
                    stream.write(json.dumps(message) + '\n')
        return path

    def run_program(self, *arguments):
        """Run the program.

        :returns: exit code, standard output, standard error.
        """
        out, err = io.StringIO(), io.StringIO()
        with (
            fixtures.MonkeyPatch('sys.stdout', out),
            fixtures.MonkeyPatch('sys.stderr', err),
        ):
            code = app.main(list(arguments))
        return code, out.getvalue(), err.getvalue()


class AuditTest(CommandTestCase):
    def test_a_clean_recording_is_0(self):
        code, out, err = self.run_program(
            'audit', '--file', self.write(), '--complete', '-f', 'json'
        )
        self.assertEqual((0, ''), (code, err))
        counts = {row['What']: row['Count'] for row in json.loads(out)}
        self.assertEqual(
            {
                'messages': 6,
                'checked': 6,
                'ignored': 0,
                'malformed': 0,
                'lost': 0,
                'out of order': 0,
                'duplicate': 0,
                'illegal': 0,
                'unfinished': 0,
                'missing at least': 0,
            },
            counts,
        )

    def test_a_violation_is_1(self):
        code, out, err = self.run_program(
            'audit', '--file', self.write(3), '-f', 'value'
        )
        self.assertEqual(1, code)
        self.assertIn('lost 1\n', out)
        self.assertEqual('1 violations; --violations lists them\n', err)

    def test_violations_are_listed(self):
        code, out, err = self.run_program(
            'audit', '--file', self.write(3), '--violations', '-f', 'json'
        )
        self.assertEqual((1, ''), (code, err))
        (row,) = json.loads(out)
        self.assertEqual(
            {
                'Node': 'node-0000',
                'Violation': 'lost',
                'Time': '2026-03-01T12:00:20.000Z',
                'Event': 'provide',
                'Previous State': 'manageable',
                'State': 'cleaning',
                'Missing': 1,
                'Detail': "nothing told how the node came from 'inspecting' "
                "to 'manageable'",
                'Message ID': '0-4',
            },
            row,
        )

    def test_every_format_of_cliff_works(self):
        path = self.write(3)
        for form in ('table', 'json', 'csv', 'yaml', 'value'):
            code, out, _err = self.run_program(
                'audit', '--file', path, '-f', form
            )
            self.assertEqual(1, code, form)
            self.assertIn('out of order', out, form)

    def test_nothing_to_read_is_2_and_one_clear_line(self):
        for arguments, expected in (
            (
                [],
                'nothing to read: give --file, --transport-url or '
                '--config-file\n',
            ),
            (
                ['--file', '/nowhere'],
                'cannot read /nowhere: No such file or directory\n',
            ),
        ):
            code, out, err = self.run_program('audit', *arguments)
            self.assertEqual((2, '', expected), (code, out, err))

    def test_an_operation_without_end_is_unfinished(self):
        path = self.write(5)
        code, out, _err = self.run_program(
            'audit', '--file', path, '--complete', '-f', 'value'
        )
        self.assertEqual(1, code)
        self.assertIn('unfinished 1\n', out)
        code, _out, _err = self.run_program('audit', '--file', path)
        self.assertEqual(0, code)

    def test_malformed_messages_are_told_and_end_nothing(self):
        path = self.write()
        with open(path, 'a') as stream:
            stream.write('{"cut\n[]\n')
        code, out, err = self.run_program(
            'audit', '--file', path, '-f', 'value'
        )
        self.assertEqual(0, code)
        self.assertIn('malformed 2\n', out)
        self.assertIn('1 malformed: not JSON at character', err)

    def test_silence_is_3_and_says_what_to_look_at(self):
        path = os.path.join(self.directory, 'empty')
        with open(path, 'w'):
            pass
        code, _out, err = self.run_program('audit', '--file', path)
        self.assertEqual(3, code)
        self.assertIn('notification_level', err)

    def test_notifications_of_other_kinds_alone_are_3(self):
        path = os.path.join(self.directory, 'others')
        with open(path, 'w') as stream:
            stream.write('{"event_type": "baremetal.node.power_set.end"}\n')
        code, out, err = self.run_program(
            'audit', '--file', path, '-f', 'value'
        )
        self.assertEqual(3, code)
        self.assertIn('ignored 1\n', out)
        self.assertIn('notification_level', err)

    def test_malformed_messages_alone_are_4(self):
        path = os.path.join(self.directory, 'broken')
        with open(path, 'w') as stream:
            stream.write('{"cut\n[]\n')
        code, out, err = self.run_program(
            'audit', '--file', path, '-f', 'value'
        )
        self.assertEqual(4, code)
        self.assertIn('malformed 2\n', out)
        self.assertIn('1 malformed: not JSON at character', err)


class TimelineTest(CommandTestCase):
    @needs_matplotlib
    def test_a_picture_is_svg_that_names_its_states(self):
        output = os.path.join(self.directory, 'one.svg')
        code, _out, err = self.run_program(
            'timeline', '--file', self.write(3), '--output', output
        )
        self.assertEqual((0, ''), (code, err))
        text = ''.join(
            xml.etree.ElementTree.parse(output).getroot().itertext()
        )
        for expected in (
            'recording.jsonl',
            'node-000',
            'verifying',
            'inspecting',
            'cleaning',
            'available',
            'violation',
            'seconds',
        ):
            self.assertIn(expected, text)

    @needs_matplotlib
    def test_the_same_recording_makes_the_same_svg(self):
        pictures = []
        for name in ('a.svg', 'b.svg'):
            output = os.path.join(self.directory, name)
            self.run_program(
                'timeline', '--file', self.write(3), '--output', output
            )
            with open(output) as stream:
                pictures.append(stream.read())
        self.assertEqual(pictures[0], pictures[1])

    @needs_matplotlib
    def test_two_recordings_side_by_side_as_png(self):
        output = os.path.join(self.directory, 'two.png')
        path = self.write(nodes=3)
        code, _out, _err = self.run_program(
            'timeline',
            *('--file', path, '--file', path),
            *('--title', 'stock', '--title', 'plugin'),
            *('--output', output),
        )
        self.assertEqual(0, code)
        with open(output, 'rb') as stream:
            self.assertEqual(b'\x89PNG', stream.read(4))

    def test_text_shows_the_states_and_where_something_is_wrong(self):
        code, out, _err = self.run_program('timeline', '--file', self.write(3))
        self.assertEqual(0, code)
        self.assertIn("from 'inspecting' to 'manageable'", _words(out))
        (bar,) = [
            line for line in out.splitlines() if line.startswith('node-000 ')
        ]
        self.assertIn('i////', bar)
        self.assertIn('/!', bar)
        self.assertIn('verifying', bar)

    def test_a_limit_hides_nothing_that_is_wrong(self):
        path = self.write(nodes=9)
        with open(path) as stream:
            lines = stream.readlines()
        del lines[6 * 7 + 2]
        with open(path, 'w') as stream:
            stream.writelines(lines)
        _code, out, _err = self.run_program(
            'timeline', '--file', path, '--limit', '1'
        )
        self.assertIn('!', out)

    def test_a_node_is_chosen_by_the_beginning_of_its_uuid(self):
        path = self.write(nodes=3)
        code, out, _err = self.run_program(
            'timeline', '--file', path, '--node', 'node-0002'
        )
        self.assertEqual(0, code)
        self.assertEqual(1, out.count('node-000'))

    @needs_matplotlib
    def test_nothing_to_draw_is_2_and_one_clear_line(self):
        path = self.write()
        for arguments, expected in (
            (['--node', 'other'], 'nothing to draw'),
            (['--output', 'x.gif'], 'must end in .svg or .png'),
            (['--output', '/nowhere/x.svg'], 'cannot write /nowhere/x.svg'),
        ):
            code, _out, err = self.run_program(
                'timeline', '--file', path, *arguments
            )
            self.assertEqual(2, code)
            self.assertIn(expected, err)
            self.assertEqual(1, err.count('\n'), err)


class ColourTest(base.BaseTestCase):
    def test_every_state_has_a_colour_of_its_own(self):
        colours = {drawing.colour(state) for state in table.STATES}
        self.assertEqual(len(table.STATES), len(colours))

    def test_an_unknown_state_has_always_the_same_colour(self):
        self.assertEqual(drawing.colour('new'), drawing.colour('new'))
        self.assertEqual(7, len(drawing.colour('new')))
