# SPDX-License-Identifier: Apache-2.0
"""The table names everything foreign that our own source touches.

The source is read, not run. Seen are names that are imported and what is
reached on them, private attributes that we do not define ourselves, and
attributes of variables that are known to hold an object of Ironic.
"""

import ast
import importlib
import importlib.util
import inspect
import pathlib
import re

import ddt
from oslo_config import cfg
from oslotest import base
from osprofiler import opts as profiler

import ironic_async_events
from ironic_async_events.command import rows as command
from ironic_async_events.outbox import rows as outbox
from ironic_async_events.patching import row
from ironic_async_events.repairs import rows as repairs
from ironic_async_events.task import rows as task

ROOT = pathlib.Path(ironic_async_events.__file__).parent
FOREIGN = ('futurist', 'ironic', 'ironic_lib', 'oslo_db', 'oslo_messaging')
TABLES = {
    'command': command.ROWS,
    'outbox': outbox.ROWS,
    'task': task.ROWS,
    **repairs.ROWS,
}
NODE = ('ironic.objects.node', 'Node')
TASK = (row.TASK_MANAGER, 'TaskManager')
CONDUCTOR = (row.MANAGER, 'ConductorManager')
POOL = ('futurist', 'ThreadPoolExecutor')
# What a variable or an attribute of that name holds, in task/ and repairs/.
HOLDS = {
    '_node': NODE,
    '_task': TASK,
    'conductor': CONDUCTOR,
    'context': ('ironic.common.context', 'RequestContext'),
    'dbapi': ('ironic.db.api', 'Connection'),
    'executor': POOL,
    'node': NODE,
    'stored': NODE,
    'task': TASK,
}
SELF = {
    'task/base.py': TASK,
    'task/drop_in.py': TASK,
    'task/native.py': TASK,
    'task/staging.py': TASK,
    'repairs/locking.py': TASK,
    'repairs/pool.py': CONDUCTOR,
}
# Of named tuples, and of oslo.versionedobjects.
OTHERS = frozenset(('_make', '_obj_'))


def room_of(path):
    """Return the name of the table that a module of ours relies on."""
    room, name = path.parts[0], path.stem
    # What of task/orphans.py is called, only the repair calls.
    if room == 'repairs' or name == 'orphans':
        return {
            'continuing': 'continuations',
            'locking': 'locks',
            'reserving': 'locks',
        }.get(name, name)
    return room if room in TABLES else 'task'


def sources():
    """Read every module of the product."""
    for path in sorted(ROOT.rglob('*.py')):
        relative = path.relative_to(ROOT)
        if relative.parts[0] != 'tests' and path.stem not in (
            'needs',
            'rows',
        ):
            yield relative, ast.parse(path.read_text())


def is_foreign(module):
    return (module or '').partition('.')[0] in FOREIGN


def is_module(name):
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def imported(tree):
    """Return the foreign modules and names of a module, by their alias."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in filter(lambda a: is_foreign(a.name), node.names):
                names[alias.asname or alias.name] = (alias.name, '')
        elif isinstance(node, ast.ImportFrom) and is_foreign(node.module):
            for alias in node.names:
                full = f'{node.module}.{alias.name}'
                names[alias.asname or alias.name] = (
                    (full, '')
                    if is_module(full)
                    else (node.module, alias.name)
                )
    return names


def chain(node):
    """Return the name and the attributes of ``name.one.two``."""
    attributes = []
    while isinstance(node, ast.Attribute):
        attributes.insert(0, node.attr)
        node = node.value
    return getattr(node, 'id', None), attributes


def reached(tree):
    """Return what a module reaches on what it imports."""
    names = imported(tree)
    yield from names.values()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            start, attributes = chain(node)
            if start in names:
                module, name = names[start]
                yield module, '.'.join(filter(None, (name, *attributes)))


def held(path, tree):
    """Return the attributes of Ironic's objects that a module touches."""
    if path.parts[0] not in ('task', 'repairs'):
        return
    holds = dict(HOLDS)
    if str(path) in SELF:
        holds['self'] = SELF[str(path)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            value = node.value
            if isinstance(value, ast.Call) and chain(value.func)[0] == 'type':
                value = value.args[0]
            name = getattr(value, 'attr', getattr(value, 'id', None))
            if name in holds:
                yield holds[name], node.attr
        elif isinstance(node, ast.ClassDef) and 'self' in holds:
            for method in node.body:
                if isinstance(method, ast.FunctionDef):
                    yield holds['self'], method.name


def has(owner, name):
    """Tell whether a class or its instances have an attribute."""
    missing = object()
    return inspect.getattr_static(
        owner, name, missing
    ) is not missing or name in row.assigned(owner)


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


def full_name(module, name):
    """Return a name as the table has it."""
    if name.startswith('CONF.'):
        name = 'CONF'  # options are registered, not attributes
    if module == 'ironic.objects' and name.startswith('Node'):
        module = NODE[0]
    return f'{module}.{name}'.rstrip('.')


@ddt.ddt
class TableTestCase(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        # As Ironic does when it parses its configuration.
        profiler.set_defaults(cfg.CONF)

    def missing(self, touched):
        """Return what is not in the table of the room that touches it.

        :param touched: pairs of a module of ours and a full name
        """
        listed = {
            room: [f'{name}.' for line in table for name in line.full_names]
            for room, table in TABLES.items()
        }
        return sorted(
            {
                (str(path), name)
                for path, name in touched
                if not any(
                    known.startswith(f'{name}.')
                    for known in listed[room_of(path)]
                )
            }
        )

    def test_what_is_imported_or_reached_is_in_the_table(self):
        touched = [
            (path, full_name(*name))
            for path, tree in sources()
            for name in reached(tree)
        ]
        self.assertEqual([], self.missing(touched))
        # The walk is worth nothing if it sees nothing.
        self.assertGreater(len(touched), 100)

    def test_what_is_private_to_others_is_in_the_table(self):
        own = own_names()
        missing = sorted(
            (str(path), name)
            for path, tree in sources()
            for name in set(private(tree, own))
            if not any(
                name in known.split('.')
                for line in TABLES[room_of(path)]
                for known in line.full_names
            )
        )
        self.assertEqual([], missing)

    def test_what_ironics_objects_are_asked_for_is_in_the_table(self):
        touched = [
            (path, f'{module}.{cls}.{name}')
            for path, tree in sources()
            for (module, cls), name in held(path, tree)
            if name not in vars(object)
            and has(getattr(importlib.import_module(module), cls), name)
        ]
        self.assertEqual([], self.missing(touched))
        self.assertGreater(len(touched), 100)

    @ddt.data(*TABLES)
    def test_every_row_fits_this_ironic(self, room):
        for line in TABLES[room]:
            line.check()

    def test_every_row_has_its_reason(self):
        for table in TABLES.values():
            for line in table:
                self.assertNotEqual('', line.why)
