# SPDX-License-Identifier: Apache-2.0
"""The plugin in each of Ironic's services and kinds of processes."""

import re
import sys

from ironic_async_events.tests.functional import base
from laboratory import lifecycle
from laboratory import prepared_bench as bench
from laboratory import processes
from laboratory import recording
from laboratory import run
from laboratory import service

INSTALLED = 'ironic-async-events: TaskManager is now '
# What ``python -v`` says of each module that it has imported.
IMPORTED = re.compile(r"^import '([\w.]+)' #", re.MULTILINE)
SPAWNED = (
    sys.executable,
    '-m',
    'laboratory.spawned',
)


def installed_in(log: str) -> list[str]:
    """Give the ids of the processes that said that they are patched."""
    return [line.split()[2] for line in log.splitlines() if INSTALLED in line]


class KindsOfProcesses(base.FunctionalTestCase):
    """Wherever the conductor runs, it runs with the plugin."""

    def assert_clean(self, result: run.Result) -> None:
        """Assert that nothing at all is wrong with a run."""
        self.assertEqual(result.run.total, result.operations)
        self.assertEqual([], list(result.account.rows)[:10])
        self.assertEqual(result.account.expected, result.account.in_order)
        self.assertEqual([], list(result.get_violations)[:10])

    def emitters(self, running: bench.Bench) -> set[tuple[int, bool]]:
        """Give who announced starts: process, and whether a pool's worker.

        On stock it is the thread of the API that does it.
        """
        return {
            (one['process'], not one['thread'].startswith('CP Server'))
            for one in recording.read(running.recording)
            if one['message']['event_type'].endswith('provision_set.start')
        }

    def test_a_forked_worker_inherits_the_plugin(self):
        wanted = run.Run(
            plugin=True, clients=2, operations=lifecycle.SHORT_LIFE
        )
        running = self.start(wanted)
        master = running.ironic.running[0].pid
        self.assert_clean(run.measure(running, wanted))
        log = running.ironic.log('ironic').read_text()
        ((process, by_worker),) = self.emitters(running)
        self.assertEqual([str(process)], installed_in(log))
        self.assertNotEqual(master, process)
        self.assertTrue(by_worker)

    def test_a_spawned_worker_installs_the_plugin_itself(self):
        wanted = run.Run(
            plugin=True,
            clients=2,
            operations=lifecycle.SHORT_LIFE,
            command=SPAWNED,
        )
        running = self.start(wanted)
        master = running.ironic.running[0].pid
        self.assert_clean(run.measure(running, wanted))
        log = running.ironic.log('ironic').read_text()
        self.assertIn('multiprocessing start method: spawn', log)
        ((process, by_worker),) = self.emitters(running)
        self.assertEqual([str(process)], installed_in(log))
        self.assertNotEqual(master, process)
        self.assertTrue(by_worker)

    def test_on_stock_the_thread_of_the_request_announces_the_start(self):
        wanted = run.Run(
            plugin=False, clients=2, operations=lifecycle.SHORT_LIFE
        )
        running = self.start(wanted)
        run.measure(running, wanted)
        ((_process, by_worker),) = self.emitters(running)
        self.assertFalse(by_worker)

    def test_conductor_and_api_as_services_of_their_own(self):
        wanted = run.Run(
            plugin=True,
            mariadb=True,
            rabbitmq=True,
            split=True,
            clients=4,
            operations=lifecycle.SHORT_LIFE,
        )
        running = self.start(wanted)
        self.assert_clean(run.measure(running, wanted))
        conductor = running.ironic.log('ironic-conductor').read_text()
        self.assertEqual(1, len(installed_in(conductor)))
        api = running.ironic.log('ironic-api').read_text()
        self.assertEqual([], installed_in(api))
        self.assertNotIn('ironic-async-events:', api)


class Imports(base.FunctionalTestCase):
    """What the plugin makes a service import, and what not."""

    def imported(self, name: str, *, plugin: bool) -> set[str]:
        """Start one service alone, and give the modules it has imported."""
        ironic = service.Ironic(
            self.useFixture(base.Directory()).path, plugin=plugin, split=True
        )
        ironic.create_schema()
        part = ironic.part(name, environment={'PYTHONVERBOSE': '1'})
        with part.start():
            if name == 'ironic-api':
                part.require(ironic.answers, 60, 'answer')
            else:
                part.require(
                    lambda: 'Created RPC server' in part.log.read_text(),
                    60,
                    'serve',
                )
        return set(IMPORTED.findall(part.log.read_text()))

    def test_the_api_imports_nothing_of_the_conductor(self):
        stock = self.imported('ironic-api', plugin=False)
        plugin = self.imported('ironic-api', plugin=True)
        self.assertIn('ironic_async_events.driver', plugin - stock)
        self.assertNotIn('ironic.conductor.manager', plugin)
        self.assertNotIn('ironic_async_events.task.base', plugin)
        self.assertEqual(
            set(),
            {name for name in plugin - stock if name.startswith('ironic.')},
        )

    def test_the_conductor_imports_nothing_that_ironic_has_not_brought(self):
        stock = self.imported('ironic-conductor', plugin=False)
        plugin = self.imported('ironic-conductor', plugin=True)
        new = {name.partition('.')[0] for name in plugin} - {
            name.partition('.')[0] for name in stock
        }
        self.assertIn('ironic.conductor.manager', stock & plugin)
        self.assertIn('ironic_async_events.task.base', plugin - stock)
        self.assertEqual(set(), new - sys.stdlib_module_names)


class Refusal(base.FunctionalTestCase):
    """A conductor that was told to use the plugin never runs without it."""

    def refuse(self, name: str) -> tuple[int | None, str]:
        """Start a conductor with a task manager that does not exist."""
        ironic = service.Ironic(
            self.useFixture(base.Directory()).path,
            plugin=True,
            split=name != 'ironic',
            options={'async_events': {'task_manager': 'no_such'}},
        )
        ironic.create_schema()
        part = ironic.part(name)
        with part.start():
            processes.wait_for(lambda: part.returncode is not None, 60)
            return part.returncode, part.log.read_text()

    def assert_refused(self, name: str) -> None:
        """Assert that a command ends with a failure and says why."""
        code, log = self.refuse(name)
        self.assertNotIn(code, (None, 0))
        self.assertIn('[async_events] task_manager = no_such', log)
        self.assertIn('drop_in, native', log)
        self.assertNotIn(INSTALLED, log)
        self.assertNotIn('Created RPC server', log)

    def test_an_unknown_task_manager_keeps_ironic_from_starting(self):
        self.assert_refused('ironic')

    def test_an_unknown_task_manager_keeps_the_conductor_from_starting(self):
        self.assert_refused('ironic-conductor')
