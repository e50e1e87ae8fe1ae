# SPDX-License-Identifier: Apache-2.0
"""The requirements name everything private that our own source touches.

The source is read, not run.
"""

import ast
import pathlib
import re

import ddt
from oslo_config import cfg
from oslotest import base
from osprofiler import opts as profiler

import ironic_async_events
from ironic_async_events.command import checks
from ironic_async_events.outbox import requirements as outbox
from ironic_async_events.repairs import requirements as repairs
from ironic_async_events.task import requirements as task

ROOT = pathlib.Path(ironic_async_events.__file__).parent
TABLES = {
    'command': checks.COMMANDS,
    'outbox': outbox.REQUIREMENTS,
    'task': task.REQUIREMENTS,
    **repairs.REQUIREMENTS,
}
# Of named tuples, and of oslo.versionedobjects.
OTHERS = frozenset(('_make', '_obj_'))


def table_of(path):
    """Return the requirements of a module of ours, and of the room below."""
    room, name = path.parts[0], path.stem
    if room == 'repairs':
        name = {
            'locking': 'locks',
            'reserving': 'locks',
            'saving': 'saves',
            'statements': 'locks',
        }.get(name, name)
        room = name
    return TABLES.get(room, ()) + TABLES['task']


def sources():
    """Read every module of the product."""
    for path in sorted(ROOT.rglob('*.py')):
        relative = path.relative_to(ROOT)
        if relative.parts[0] != 'tests' and path.stem != 'requirements':
            yield relative, ast.parse(path.read_text())


def chain(node):
    """Return the name and the attributes of ``name.one.two``."""
    attributes = []
    while isinstance(node, ast.Attribute):
        attributes.insert(0, node.attr)
        node = node.value
    return getattr(node, 'id', None), attributes


def own_names():
    """Return the private names that we define ourselves."""
    names = set()
    for _, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                names.add(node.name)
            elif isinstance(node, ast.Name):
                names.add(node.id)
            elif (
                isinstance(node, ast.Attribute)
                and isinstance(node.ctx, ast.Store)
                and chain(node)[0] == 'self'
            ):
                names.add(node.attr)
    return names


def private(tree, own):
    """Return the private names of others that a module touches."""
    for node in ast.walk(tree):
        name = getattr(node, 'attr', getattr(node, 'value', None))
        if (
            isinstance(node, ast.Attribute | ast.Constant)
            and re.fullmatch(r'_[a-z]\w*', str(name))
            and name not in own | OTHERS
        ):
            yield name


@ddt.ddt
class TableTestCase(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        # As Ironic does when it parses its configuration.
        profiler.set_defaults(cfg.CONF)

    def test_what_is_private_to_others_is_in_the_table(self):
        own = own_names()
        missing = sorted(
            (str(path), name)
            for path, tree in sources()
            for name in set(private(tree, own))
            if not any(
                name in known.split('.')
                for line in table_of(path)
                for known in line.full_names
            )
        )
        self.assertEqual([], missing)

    @ddt.data(*TABLES)
    def test_every_row_fits_this_ironic(self, room):
        for line in TABLES[room]:
            line.check()

    def test_every_row_has_its_reason(self):
        for table in TABLES.values():
            for line in table:
                self.assertNotEqual('', line.why)
