# SPDX-License-Identifier: Apache-2.0
"""Make one call in one trouble, and look at what it has come to."""

from collections.abc import Iterable
from collections.abc import Iterator
import contextlib
import datetime
import itertools
import random
import threading
from typing import Any
from unittest import mock

import fixtures
from ironic import objects
from ironic.common import exception
from ironic.conductor import task_manager
from ironic.db.sqlalchemy import models
from ironic.drivers.base import ALL_INTERFACES
from oslo_db import exception as db_exception
from oslo_db.sqlalchemy import enginefacade
from oslo_db.sqlalchemy import engines
from oslo_utils import timeutils
import sqlalchemy as sa
from sqlalchemy import pool

from ironic_async_events import patching
from ironic_async_events.task import database
from ironic_async_events.tests.unit import fixtures as async_fixtures
from ironic_async_events.tests.unit.compared import calls
from ironic_async_events.tests.unit.compared import outcome
from ironic_async_events.tests.unit.compared import statements
from ironic_async_events.tests.unit.compared import troubles
from laboratory.faults import edges
from laboratory.faults import schedule

_BEFORE = datetime.datetime(2025, 1, 2, 3, 4, 5)
_NODES: Any = models.NodeBase.__table__
_TABLES: tuple[Any, ...] = (
    models.NodeHistory.__table__,
    models.NodeTrait.__table__,
    _NODES,
)


class Served(fixtures.Fixture):
    def __init__(self, url: str, **options: Any) -> None:
        super().__init__()
        self._url, self._options = url, options

    def _setUp(self) -> None:
        engine = engines.create_engine(self._url, **self._options)
        models.Base.metadata.create_all(engine)
        self.addCleanup(engine.dispose)
        self.addCleanup(enginefacade._context_manager.patch_engine(engine))


class Bench:
    """A node in a database, a simulated clock, and who was called.

    :param url: where other clients connect to, if not where Ironic does
    """

    node_id = 1

    def __init__(self, context: Any, engine: Any, url: Any = None) -> None:
        self.context = context
        self.statements = statements.Statements(engine, self.sleep)
        self.acts = False
        #: How many calls of the plugin began with a write.
        self.short = 0
        self._called: set[str] = set()
        self.now = 0.0
        # What Ironic has committed elsewhere is read.
        causal = {'init_command': 'SET SESSION wsrep_sync_wait = 7'}
        # Of its own: what happens here is no part of a call.
        self.engine = sa.create_engine(
            url or engine.url, connect_args=causal if url else {}
        )
        self.execute(*map(sa.delete, _TABLES))
        node = objects.Node(context, driver='fake-hardware', uuid=calls.UUID)
        node.create()
        self._row = {
            **self._read(),
            'id': self.node_id,
            'updated_at': _BEFORE,
            'provision_updated_at': _BEFORE,
            'driver_internal_info': {'ours': 0},
            # MariaDB takes them for equal to what the second writer writes.
            'description': 'Theirs',
            'extra': {'Theirs': 1},
            # As the API leaves a node.
            **{f'{name}_interface': 'fake' for name in ALL_INTERFACES},
            'network_interface': 'noop',
            'storage_interface': 'noop',
        }

    # The world of a call

    def note(self, name: str) -> None:
        if self.acts:
            self._called.add(name)

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.statements.passes(seconds)

    def on_waiting_for_ever(self) -> None:
        """Deal with a thread that waits for another without a limit."""

    def ask(self) -> None:
        """Ask for the lock of the node, in another thread."""
        with contextlib.suppress(exception.NodeLocked):
            task_manager.TaskManager(
                self.context, calls.UUID, retry=False, load_driver=False
            ).release_resources()

    def execute(self, *changes: Any) -> None:
        with self.engine.begin() as connection:
            for change in changes:
                connection.execute(change)

    def query(self, url: Any, query: Any) -> Any:
        """Ask a server for a value, as it knows it now."""
        engine = sa.create_engine(url, poolclass=pool.NullPool)
        with engine.connect() as connection:
            return connection.execute(query).scalar()

    def _read(self) -> dict[str, Any]:
        with self.engine.connect() as connection:
            history, traits, nodes = (
                connection.execute(sa.select(table)).mappings().all()
                for table in _TABLES
            )
        return {
            **(nodes[0] if nodes else {}),
            'the traits': [row['trait'] for row in traits],
            'the history': [row['event'] for row in history],
        }

    # A call

    def compare(
        self, call: calls.Call, rows: Iterable[troubles.Trouble]
    ) -> list[str]:
        """Make a call in each trouble, of stock and with the plugin."""
        calm = self.run(call, troubles.NONE)
        stock = [(call, row, [self.run(call, row)], calm) for row in rows]
        # The plugin comes after what is around it.
        lines = [self._judge(*each) for each in stock if each[1].around]
        with async_fixtures.Plugin():
            lines += [self._judge(*x) for x in stock if not x[1].around]
        return list(itertools.chain(*lines))

    def compare_all(
        self,
        several: Iterable[calls.Call],
        row: troubles.Trouble = troubles.NONE,
    ) -> list[str]:
        """Make calls in one trouble, of stock and with the plugin."""
        stock = [(call, row, [self.run(call, row)]) for call in several]
        with async_fixtures.Plugin():
            lines = [self._judge(*each) for each in stock]
        return list(itertools.chain(*lines))

    def compare_faults(self, call: calls.Call) -> list[str]:
        """Let each statement of a call fail, of stock and with the plugin.

        A statement of the plugin is compared with those of stock that do the
        same: read, write or commit.
        """
        calm = self.run(call, troubles.NONE)
        expected: dict[str, list[outcome.Outcome]] = {}
        for row in self._faults():
            expected.setdefault(row.name, []).append(self.run(call, row))
        # Stock may do with a read what the plugin does with a write.
        least = expected['before at a read']
        with async_fixtures.Plugin():
            self.run(call, troubles.NONE, plugin=True)
            lines = [
                self._judge(call, row, expected.get(row.name, least), calm)
                for row in self._faults()
            ]
        return list(itertools.chain(*lines))

    def _judge(
        self,
        call: calls.Call,
        row: troubles.Trouble,
        stock: list[outcome.Outcome],
        calm: outcome.Outcome | None = None,
    ) -> list[str]:
        """Make a call with the plugin; return in what it is worse."""
        own = self.run(call, row, plugin=True)
        self.short += self.statements.made[:1] == [statements.WRITE]
        passes = calm if row.passes else None
        worse = outcome.worse(stock, own, passes, row.demands)
        if any(
            name == call.name and part in row.name
            for name, part, _ in troubles.BETTER
        ):
            worse = [] if worse else ['is as stock, but listed as better']
        return [f'{call.name}: {row.name}: {line}' for line in worse]

    def _faults(self) -> list[troubles.Trouble]:
        """Return the faults of the last call; of very many, only some."""
        every = list(troubles.faults(self.statements.made))
        return every[:: 1 + len(every) // 40]

    def run(
        self, call: calls.Call, row: troubles.Trouble, plugin: bool = False
    ) -> outcome.Outcome:
        values = {c.name: self._row[c.name] for c in _NODES.c}
        self.new_node = sa.insert(_NODES).values({**values, **call.columns})
        self.execute(*map(sa.delete, _TABLES), self.new_node)
        with contextlib.ExitStack() as stack:
            if row.around is not None:
                stack.enter_context(row.around(self))
            if plugin and not patching.state().installed:
                stack.enter_context(async_fixtures.Plugin())
            stack.enter_context(self._simulated())
            subject = call.arrange(self)
            stack.enter_context(row.within(self))
            before = self._read()
            self._called.clear()
            self.now = 0.0
            self.acts = True
            try:
                with self.statements.counted(row.fault):
                    node = call.act(self, subject)
                answer = f'returns {type(node).__name__}'
            except Exception as e:
                answer = f'{outcome.RAISES}{_name(e)}'
                node = call.node(subject)
            finally:
                self.acts = False
            after = self._read()
            called = frozenset(self._called)
            fields = _fields(node)
        if call.columns_compared:
            after = {name: after.get(name) for name in call.columns_compared}
        return outcome.Outcome(answer, before, after, fields, called, self.now)

    def catch_up(self) -> None:
        """Let Ironic's server see what other clients have written so far."""
        with self.statements.engine.connect() as connection:
            connection.execute(sa.select(_NODES.c.id)).all()

    @contextlib.contextmanager
    def _simulated(self) -> Iterator[None]:
        """Replace time, and waiting for other threads."""
        table = schedule.stand_ins(
            self, Condition=lambda *args: _Condition(self, *args)
        )
        with (
            edges.StandIns(table, *edges.SLEEPERS),
            mock.patch.object(
                timeutils, 'utcnow', autospec=True, return_value=calls.NOW
            ),
        ):
            edges.forget_locks()
            random.seed(1)
            yield


class _Condition(schedule.Condition):
    """Waits in simulated time for another thread, which hangs."""

    def __init__(self, bench: Bench, lock: Any = None) -> None:
        super().__init__(bench, lock or threading.RLock())
        self._mine = threading.get_ident()

    def wait(self, timeout: float | None = None) -> bool:
        if threading.get_ident() == self._mine:
            self._plan.sleep(outcome.FOR_EVER if timeout is None else timeout)
            if timeout is not None:
                return False
            self._plan.on_waiting_for_ever()
        return threading.Condition.wait(self, timeout)


def _name(error: BaseException) -> str:
    """Return the type of an error; also its text, if Ironic wrote it.

    The plugin keeps the error of the database, with its statement, as cause.
    """
    if not database.failed(error):
        return f'{type(error).__name__}: {error}'
    if type(error) is db_exception.DBError and error.__cause__ is not None:
        error = error.__cause__
    return type(error).__name__


def _fields(node: Any) -> dict[str, Any]:
    if not isinstance(node, objects.Node):
        return {}
    fields = {name: getattr(node, name) for name in node.fields}
    if node.traits is not None:
        fields['traits'] = node.traits.get_trait_names()
    changed = sorted(node.obj_what_changed())
    return {**fields, 'what changed': changed, 'version': node.VERSION}
