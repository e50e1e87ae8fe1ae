# SPDX-License-Identifier: Apache-2.0
"""What is imported where; each test in an interpreter of its own."""

import importlib.metadata
import importlib.util
import json
import subprocess
import sys

from oslotest import base

# What chooses the service backend: Ironic 32 and later, and those before it.
FIRST = next(
    name
    for name in ('ironic.command', 'ironic.cmd')
    if importlib.util.find_spec(name)
)
# Not conductors: what they import has been brought by somebody else.
STANDARD = set(sys.stdlib_module_names) | {'ironic_async_events', '__main__'}


class ImportTestCase(base.BaseTestCase):
    def run_python(self, source):
        """Run a program that prints JSON as its last line."""
        done = subprocess.run(
            [sys.executable, '-c', source],
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(0, done.returncode, done.stderr)
        return json.loads(done.stdout.splitlines()[-1])

    def test_importing_the_package_does_nothing(self):
        got = self.run_python(
            'import sys, json\n'
            'before = set(sys.modules)\n'
            'import ironic_async_events\n'
            'print(json.dumps(sorted(set(sys.modules) - before)))\n'
        )
        self.assertEqual(['ironic_async_events'], got)

    def test_installing_imports_neither_ironic_nor_the_database(self):
        got = self.run_python(
            'import sys, json\n'
            'from ironic_async_events import plugin\n'
            'plugin.install()\n'
            'print(json.dumps([m for m in sys.modules if m in\n'
            '                  ("ironic", "oslo_db", "sqlalchemy")]))\n'
        )
        self.assertEqual([], got)

    def test_an_api_service_stays_as_it_is(self):
        # The API imports some modules of the conductor by itself.
        got = self.run_python(
            'import sys, json\n'
            'from ironic_async_events import plugin\n'
            'plugin.install()\n'
            'before = set(m for m in sys.modules if "async_events" in m)\n'
            f'import {FIRST}\n'
            'from ironic.conductor import task_manager\n'
            'after = set(m for m in sys.modules if "async_events" in m)\n'
            'print(json.dumps([sorted(after - before),\n'
            '                  task_manager.TaskManager.__module__,\n'
            '                  "ironic.conductor.manager" in sys.modules]))\n'
        )
        self.assertEqual([[], 'ironic.conductor.task_manager', False], got)

    def test_the_database_is_patched_when_the_conductor_starts(self):
        # In older releases its module needs the parsed configuration.
        got = self.run_python(
            'import sys, json\n'
            f'import {FIRST}\n'
            'from ironic.conductor import manager\n'
            'from ironic_async_events import patching, plugin\n'
            'plugin.install()\n'
            'assert patching.state().active, patching.state()\n'
            'from osprofiler import opts\n'
            'from oslo_config import cfg\n'
            'opts.set_defaults(cfg.CONF)\n'
            'patching.confirm()\n'
            'from ironic.db.sqlalchemy import api\n'
            'function = api.Connection._do_update_node\n'
            'name = "ironic.db.sqlalchemy.api.Connection._do_update_node"\n'
            'print(json.dumps([name in patching.state().patched,\n'
            '                  hasattr(function, "__wrapped__")]))\n'
        )
        self.assertEqual([True, True], got)

    def test_a_conductor_imports_only_what_ironic_has_brought(self):
        got = self.run_python(
            'import sys, json\n'
            f'import {FIRST}\n'
            'from ironic.conductor import manager\n'
            'from ironic_async_events import driver, patching, plugin\n'
            'import stevedore.driver, wrapt\n'
            'before = set(sys.modules)\n'
            'plugin.install()\n'
            'assert patching.state().active, patching.state()\n'
            'print(json.dumps(sorted(set(m.partition(".")[0]\n'
            '      for m in set(sys.modules) - before))))\n'
        )
        brought = set(required_by('ironic'))
        foreign = {
            name
            for name in got
            if name not in STANDARD
            and not brought & set(distributions_of(name))
        }
        self.assertEqual(set(), foreign)
        for name in ('wrapt', 'stevedore', 'futurist', 'oslo.messaging'):
            self.assertIn(name.replace('.', '-'), brought)


def normalized(name):
    return name.lower().replace('_', '-').replace('.', '-')


def distributions_of(module):
    table = importlib.metadata.packages_distributions()
    return [normalized(name) for name in table.get(module, ())]


def required_by(name, seen=None):
    """Return the names of all that a distribution brings."""
    seen = set() if seen is None else seen
    if normalized(name) in seen:
        return seen
    try:
        requires = importlib.metadata.requires(name) or ()
    except importlib.metadata.PackageNotFoundError:
        return seen
    seen.add(normalized(name))
    for line in requires:
        if 'extra ==' not in line:
            stripped = line.replace('(', ' ').replace(';', ' ')
            for mark in '<>=!~[':
                stripped = stripped.replace(mark, ' ')
            required_by(stripped.split()[0], seen)
    return seen
