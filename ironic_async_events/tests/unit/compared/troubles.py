# SPDX-License-Identifier: Apache-2.0
"""The table of the troubles in which a call is made."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
import contextlib
import dataclasses
import datetime
import functools
import inspect
import threading
from typing import Any
from unittest import mock

from ironic import objects
from ironic.conductor import manager
from ironic.conductor import task_manager
from ironic.db.sqlalchemy import api
from ironic.db.sqlalchemy import models
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy import orm

from ironic_async_events.tests.unit.compared import calls
from ironic_async_events.tests.unit.compared import statements
from laboratory import strangers

_OWNERS: dict[str, Callable[[], Any]] = {
    'Node': lambda: objects.Node,
    'Connection': lambda: api.Connection,
    # Not the same class with the plugin.
    'TaskManager': lambda: task_manager.TaskManager,
    'ConductorManager': lambda: manager.ConductorManager,
}

#: What listens to SQLAlchemy's ORM.
LISTENERS: tuple[tuple[Any, str], ...] = (
    *(
        (model, name)
        for model in (models.Node, models.NodeBase)
        for name in ('before_update', 'after_update', 'load')
    ),
    (orm.Session, 'before_flush'),
    (orm.Session, 'after_flush'),
    (orm.Session, 'do_orm_execute'),
    (orm.Session, 'before_commit'),
    (orm.Session, 'after_commit'),
)

#: What another thread or client writes into the row meanwhile, by column.
WRITES: dict[str, Any] = {
    'driver_internal_info': {'ours': 0, 'theirs': 1},
    'extra': {'theirs': 1},
    'instance_info': {'theirs': 1},
    'description': 'theirs',
    'last_error': 'theirs',
    'maintenance': True,
    'name': 'theirs',
    'power_state': 'power on',
    'provision_state': 'error',
    'reservation': 'another',
    'updated_at': datetime.datetime(2025, 6, 7, 8, 9, 10),
    'traits': None,
    'version': '99.0',
    'id': None,
}

#: For how many seconds a server of a Galera cluster lags.
LAG = 3

#: Where it is right to differ: the call, a part of the trouble's name, why.
BETTER: tuple[tuple[str, str, str], ...] = (
    (
        'save a state',
        'TaskManager.process_event, before',
        'the class is replaced as a whole',
    ),
    *(
        (name, 'is locked', 'a lock that no task of this conductor holds goes')
        for name in ('lock', 'upgrade')
    ),
)


@dataclasses.dataclass(frozen=True)
class Trouble:
    """A trouble in which a call is made.

    :param within: makes the trouble, as long as the call takes
    :param around: makes the trouble before the plugin is installed
    :param passes: whether it may make no difference, whatever stock does
    :param demands: whether it must make none
    """

    name: str
    within: Callable[[Any], Any] = contextlib.nullcontext
    around: Callable[[Any], Any] | None = None
    fault: statements.Fault | None = None
    passes: bool = False
    demands: bool = False


NONE = Trouble('none')


def faults(made: list[Any]) -> Iterator[Trouble]:
    for fault in statements.faults(made):
        yield Trouble(
            f'{fault.name} at a {made[fault.at].value}',
            fault=fault,
            passes=True,
            # Conflicts are all in a day's work.
            demands=fault.name == 'deadlock',
        )


def busy() -> Iterator[Trouble]:
    for seconds in (8, 30, 120):
        yield Trouble(
            f'busy for {seconds} s',
            lambda bench, seconds=seconds: bench.statements.busy(seconds),
            passes=True,
        )


# Wrappers


def wrappers(layers: Iterable[str]) -> Iterator[Trouble]:
    """Return every kind of wrapper around some functions.

    Some are there before the plugin, some come later.
    """
    for layer in layers:
        for kind in strangers.KINDS:
            name = f'{kind.__name__.lower()} around {layer}'
            wrap = functools.partial(_wrapped, layer=layer, kind=kind)
            yield Trouble(f'{name}, before the plugin', around=wrap)
            yield Trouble(f'{name}, after the plugin', within=wrap)


def _wrapped(bench: Any, layer: str, kind: Any) -> Any:
    owner, _, name = layer.partition('.')
    place = _OWNERS[owner]()
    function = inspect.getattr_static(place, name)
    note = functools.partial(bench.note, layer)
    if kind is not strangers.proxy and isinstance(
        function, classmethod | staticmethod
    ):
        wrapper = type(function)(kind(function.__func__, note))
    else:
        wrapper = kind(function, note)
    return mock.patch.object(place, name, wrapper)


# Listeners


def listeners() -> Iterator[Trouble]:
    for target, name in LISTENERS:
        yield Trouble(
            f'a listener to {name} of {target.__name__}',
            functools.partial(_listening, target=target, name=name),
        )


@contextlib.contextmanager
def _listening(bench: Any, target: Any, name: str) -> Iterator[None]:
    def listener(*args: Any) -> None:
        bench.note(name)

    keywords = {} if target is orm.Session else {'propagate': True}
    event.listen(target, name, listener, **keywords)
    try:
        yield
    finally:
        event.remove(target, name, listener)


# Others


def late() -> Iterator[Trouble]:
    """Return changes of which the server of a call learns late.

    Another server of the Galera cluster has committed them before.
    """
    nodes: Any = models.NodeBase.__table__
    write = sa.update(nodes).values
    for name, before, last in (
        ('free', write(reservation='another'), write(reservation=None)),
        ('locked', write(reservation=None), write(reservation=calls.HOST)),
        ('changed', None, write(description='theirs')),
        ('new', sa.delete(nodes), None),
    ):
        yield Trouble(
            f'the server does not know yet that the node is {name}',
            functools.partial(_lagging, before=before, last=last),
        )


@contextlib.contextmanager
def _lagging(bench: Any, before: Any, last: Any) -> Iterator[None]:
    """See ``laboratory.compared`` for the table that it needs."""
    if before is not None:
        bench.execute(before)
    bench.catch_up()
    bench.execute(sa.text(f'INSERT INTO lag (seconds) VALUES ({LAG})'))
    bench.execute(bench.new_node if last is None else last)
    lags = sa.select(sa.text('count(*)')).select_from(sa.text('lag'))
    expected = bench.query(bench.engine.url, lags)

    def is_late() -> None:
        seen = bench.query(bench.statements.engine.url, lags)
        assert seen < expected, 'this machine is too slow: LAG is over'

    with mock.patch.object(bench.statements, 'on_first', is_late):
        yield


def writers() -> Iterator[Trouble]:
    for column in WRITES:
        yield Trouble(
            f'somebody else writes {column}',
            functools.partial(_written, column=column),
        )


@contextlib.contextmanager
def _written(bench: Any, column: str) -> Iterator[None]:
    nodes, traits = models.NodeBase.__table__, models.NodeTrait.__table__
    if column == 'traits':
        change = sa.insert(traits).values(
            node_id=bench.node_id, trait='CUSTOM_THEIRS', version='1.0'
        )
    elif column == 'id':
        change = sa.delete(nodes).where(nodes.c.id == bench.node_id)
    else:
        change = sa.update(nodes).values({column: WRITES[column]})
    bench.execute(change)
    yield


@contextlib.contextmanager
def _hanging(bench: Any) -> Iterator[None]:
    """Let another thread ask for the lock; its request hangs."""
    arrived, goes_on = threading.Event(), threading.Event()
    asker = threading.Thread(target=bench.ask)
    reserve = inspect.getattr_static(objects.Node, 'reserve').__func__

    def hang(cls: Any, *args: Any) -> Any:
        if threading.current_thread() is asker:
            arrived.set()
            goes_on.wait()
        return reserve(cls, *args)

    with mock.patch.object(objects.Node, 'reserve', classmethod(hang)):
        asker.start()
        arrived.wait()
        bench.on_waiting_for_ever = goes_on.set
        try:
            yield
        finally:
            goes_on.set()
            asker.join()


HANGING = Trouble('a request for the lock hangs', _hanging)
