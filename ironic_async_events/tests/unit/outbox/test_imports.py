# SPDX-License-Identifier: Apache-2.0
"""What the outbox imports where."""

from oslotest import base

from ironic_async_events.tests.unit import test_imports


class OutboxImportTestCase(base.BaseTestCase):
    run_python = test_imports.ImportTestCase.run_python

    def test_the_driver_imports_nothing_of_the_conductor_or_of_alembic(self):
        found = self.run_python(
            'import sys, json\n'
            f'import {test_imports.FIRST}\n'
            'from ironic_async_events.outbox import driver\n'
            'print(json.dumps([m for m in sys.modules\n'
            '    if m.startswith("ironic.conductor.manager")\n'
            '    or m.partition(".")[0] == "alembic"]))\n'
        )
        self.assertEqual([], found)

    def test_the_driver_imports_only_what_ironic_has_brought(self):
        found = self.run_python(
            'import sys, json\n'
            f'import {test_imports.FIRST}\n'
            'before = set(sys.modules)\n'
            'from ironic_async_events.outbox import driver\n'
            'from ironic_async_events.outbox import reports\n'
            'import ironic.conf\n'
            'reports._logger()\n'
            'print(json.dumps(sorted(set(m.partition(".")[0]\n'
            '      for m in set(sys.modules) - before))))\n'
        )
        brought = set(test_imports.required_by('ironic')) | {'ironic'}
        foreign = {
            name
            for name in found
            if name not in test_imports.STANDARD
            and test_imports.distributions_of(name)
            and not brought & set(test_imports.distributions_of(name))
        }
        self.assertEqual(set(), foreign)
        for name in ('sqlalchemy', 'oslo-db', 'alembic', 'tenacity'):
            self.assertIn(name, brought)
