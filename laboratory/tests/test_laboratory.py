# SPDX-License-Identifier: Apache-2.0
"""The instruments of the laboratory, tried without a service."""

from concurrent import futures
import os
import pathlib
import signal
import sys
import threading

import ddt
import fixtures
from oslo_config import cfg
from oslo_messaging.notify import notifier
from oslotest import base
import psutil

from laboratory import configuration
from laboratory import contract
from laboratory import errors
from laboratory import lifecycle
from laboratory import processes
from laboratory import recorder
from laboratory import witness

NODE = '11111111-2222-3333-4444-555555555555'


def seen(at, before, state):
    return witness.Seen(1, NODE, before, state, at)


STARTED = seen(10.5, 'manageable', 'inspecting')
ENDED = 'inspecting', 'manageable'


@ddt.ddt
class Contract(base.BaseTestCase):
    """What is held against a 202 of 11.0 and a GET of 11.5."""

    @ddt.unpack
    @ddt.data(
        # The new state is right; the old one is wrong while the work goes on,
        # and right once it is done.
        ('inspecting', [STARTED], []),
        (
            'manageable',
            [STARTED, seen(12.0, *ENDED)],
            ["GET showed 'manageable' when 'inspecting' had been saved"],
        ),
        ('manageable', [STARTED, seen(11.2, *ENDED)], []),
        (
            'inspecting',
            [seen(11.25, 'manageable', 'inspecting')],
            ['the new state was saved 250 ms after the 202'],
        ),
        # Before the request, and of another node.
        (
            'manageable',
            [
                seen(9.0, 'enroll', 'manageable'),
                witness.Seen(2, 'other', 'manageable', 'inspecting', 10.5),
            ],
            ['was accepted, and no change of state was ever saved'],
        ),
    )
    def test_the_answer_shows_what_was_saved(self, shown, changes, wrong):
        request = contract.Accepted(
            NODE, 'inspect', 'manageable', 10.0, 11.0, shown, 11.5, 20.0
        )
        found = contract.violations([request], changes)
        self.assertEqual(wrong, [line.partition(': ')[2] for line in found])


class Recorder(base.BaseTestCase):
    """Notifications are recorded whole and in the order of emission."""

    def driver(self, is_told=True):
        self.path = self.useFixture(fixtures.TempDir()).join('recording')
        path = self.path if is_told else None
        self.useFixture(fixtures.EnvironmentVariable(recorder.VARIABLE, path))
        return recorder.RecordingDriver(cfg.ConfigOpts(), ['topic'], None)

    def test_what_is_recorded_is_read_back(self):
        driver = self.driver()
        self.assertIsInstance(driver, notifier.Driver)
        driver.notify({}, {'event_type': 'one'}, 'INFO', None)
        driver.notify({}, {'event_type': 'two'}, 'ERROR', None)
        lines = recorder.read(self.path)
        self.assertEqual(
            [('one', 'INFO'), ('two', 'ERROR')],
            [(one['message']['event_type'], one['priority']) for one in lines],
        )
        self.assertEqual({os.getpid()}, {one['process'] for one in lines})

    def test_threads_write_whole_lines(self):
        self.driver()
        together = threading.Barrier(8)

        def emit(number):
            # A driver may be constructed more than once.
            driver = recorder.RecordingDriver(cfg.ConfigOpts(), ['t'], None)
            together.wait(10)
            for _ in range(20):
                driver.notify({}, {'long': 'x' * 5000}, 'INFO', None)

        with futures.ThreadPoolExecutor(8) as executor:
            list(executor.map(emit, range(8)))
        lines = recorder.read(self.path)
        self.assertEqual(160, len(lines))
        stamps = [one['monotonic'] for one in lines]
        self.assertEqual(sorted(stamps), stamps)

    def test_without_a_file_nothing_is_recorded(self):
        self.driver(is_told=False).notify({}, {}, 'INFO', None)
        self.assertEqual([], recorder.read(self.path))


class Witness(base.BaseTestCase):
    """The triggers see each change of state once."""

    def test_changes_and_creations_are_seen_in_order(self):
        path = self.useFixture(fixtures.TempDir()).join('db')
        eye = witness.Witness(f'sqlite:///{path}')
        eye.execute(
            'CREATE TABLE nodes (uuid TEXT, provision_state TEXT, extra TEXT)'
        )
        eye.install()
        eye.execute(
            f"INSERT INTO nodes VALUES ('{NODE}', 'enroll', '')",
            "UPDATE nodes SET provision_state = 'verifying'",
            "UPDATE nodes SET extra = 'x'",
            "UPDATE nodes SET provision_state = 'verifying'",
            'UPDATE nodes SET provision_state = NULL',
        )
        steps = [(None, 'enroll'), ('enroll', 'verifying')]
        steps.append(('verifying', None))
        self.assertEqual(steps, [one.step for one in eye.read()])
        self.assertEqual(
            steps[2:], [one.step for one in eye.read(after=2, node=NODE)]
        )
        self.assertEqual([], eye.read(node='another'))


class Processes(base.BaseTestCase):
    """What is started is stopped, with all that it has started itself."""

    def setUp(self):
        super().setUp()
        directory = self.useFixture(fixtures.TempDir())
        self.log = pathlib.Path(directory.join('log'))

    def process(self, code, grace=10.0):
        one = processes.Process(
            'a test', [sys.executable, '-uc', code], self.log, grace=grace
        )
        self.addCleanup(one.stop)
        return one.start()

    def assert_gone(self, pid):
        """Assert that a process has ended, or is about to be reaped."""

        def gone():
            try:
                return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
            except psutil.NoSuchProcess:
                return True

        self.assertTrue(processes.wait_for(gone, 10))

    def test_a_child_is_stopped_with_its_parent(self):
        one = self.process(
            'import signal, subprocess, sys\n'
            'child = subprocess.Popen([sys.executable, "-c",\n'
            '    "import signal; signal.pause()"])\n'
            'print(child.pid)\n'
            'signal.pause()'
        )
        one.require(lambda: bool(self.log.read_text().strip()), 10, 'start')
        child = int(self.log.read_text())
        one.stop()
        self.assertEqual(-signal.SIGTERM, one.returncode)
        self.assert_gone(child)

    def test_who_does_not_listen_is_killed(self):
        one = self.process(
            'import signal\n'
            'signal.signal(signal.SIGTERM, signal.SIG_IGN)\n'
            'print("deaf")\n'
            'signal.pause()',
            grace=0.2,
        )
        one.require(lambda: 'deaf' in self.log.read_text(), 10, 'start')
        one.stop()
        self.assertEqual(-signal.SIGKILL, one.returncode)

    def test_who_ends_early_is_reported_with_its_last_words(self):
        one = self.process('import sys; print("no such option"); sys.exit(3)')
        error = self.assertRaises(
            errors.LaboratoryError, one.require, lambda: False, 10, 'answer'
        )
        self.assertIn('ended with code 3 before it came to ans', str(error))
        self.assertIn('no such option', str(error))

    def test_a_missing_program_is_named(self):
        one = processes.Process('it', ['/no/such/program'], self.log)
        error = self.assertRaises(errors.LaboratoryError, one.start)
        self.assertIn('it could not be started', str(error))


class Configuration(base.BaseTestCase):
    """The file is what oslo.config reads."""

    def test_a_list_is_one_line_per_value(self):
        path = pathlib.Path(self.useFixture(fixtures.TempDir()).join('conf'))
        configuration.write(path, {'a': {'one': 1, 'many': ['x', 'y']}})
        self.assertEqual(
            '[a]\none = 1\nmany = x\nmany = y\n', path.read_text()
        )

    def test_merging_changes_neither_side(self):
        below = {'a': {'one': 1, 'two': 2}}
        self.assertEqual(
            {'a': {'one': 1, 'two': 3}, 'b': {'four': 4}},
            configuration.merged(below, {'a': {'two': 3}, 'b': {'four': 4}}),
        )
        self.assertEqual({'a': {'one': 1, 'two': 2}}, below)


class Life(base.BaseTestCase):
    """A life is one unbroken way through the states."""

    def test_each_operation_starts_where_the_one_before_has_ended(self):
        for ironic in (24, 26, 29, 32, 35, 39):
            life = lifecycle.life(ironic)
            states = ['enroll'] + [one.end for one in life[:-1]]
            self.assertEqual(states, [one.start for one in life], ironic)
            self.assertEqual('available', life[-1].end)

    def test_it_holds_every_verb_that_the_fake_hardware_can_end(self):
        verbs = (
            'abort active adopt clean deleted inspect manage provide rebuild '
            'rescue service unhold unrescue'
        )
        self.assertEqual(
            {*verbs.split()}, {one.verb for one in lifecycle.LIFE}
        )
