# SPDX-License-Identifier: Apache-2.0
"""One case and one cause, run against Ironic's own conductor and database.

Nothing of the conductor is replaced: not ``process_event``, not ``__exit__``,
not the hooks, not ``_spawn_worker``. What is replaced are the edges: how a
pool takes work (see ``causes``), and the notifier, which records.
"""

from collections.abc import Callable
import contextlib
import datetime
import os
import shutil
import sqlite3
import tempfile
import time
from typing import Any
from unittest import mock

import fixtures
from ironic import objects
from ironic.common import rpc
from ironic.conf import CONF
from ironic.db.sqlalchemy import models
from ironic.drivers import base as drivers_base
from ironic.tests.unit.conductor import mgr_utils
from ironic.tests.unit.db import base as db_base
from ironic.tests.unit.objects import utils as obj_utils
from oslo_db.sqlalchemy import enginefacade
from oslo_db.sqlalchemy import engines
from oslo_utils import timeutils
from oslo_utils import uuidutils
import requests

from ironic_async_events import patching
from ironic_async_events.repairs import continuations
from ironic_async_events.tests.unit.spawn_failures import cases
from ironic_async_events.tests.unit.spawn_failures import causes
from ironic_async_events.tests.unit.spawn_failures import outcome

_TIME_OUT = 1800
_TIME_OUTS = (
    'deploy_callback_timeout',
    'clean_callback_timeout',
    'rescue_callback_timeout',
    'service_callback_timeout',
    'inspect_wait_timeout',
)


class FileDatabase(fixtures.Fixture):
    """Ironic's schema in a file, so that threads have own connections.

    The database of Ironic's fixtures lives in memory and is one connection,
    on which one thread commits what another has half written.
    """

    _template: bytes | None = None

    def _setUp(self) -> None:
        directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, directory)
        path = os.path.join(directory, 'ironic.sqlite')
        if FileDatabase._template is None:
            FileDatabase._template = self._make(path)
        with open(path, 'wb') as database:
            database.write(FileDatabase._template)
        engine = self._engine(path)
        self.addCleanup(engine.dispose)
        # The one manager behind enginefacade.reader and writer.
        self.addCleanup(enginefacade._context_manager.patch_engine(engine))

    @staticmethod
    def _engine(path: str) -> Any:
        return engines.create_engine(
            f'sqlite:///{path}', sqlite_fk=True, sqlite_synchronous=False
        )

    def _make(self, path: str) -> bytes:
        engine = self._engine(path)
        models.Base.metadata.create_all(engine)
        engine.dispose()
        with contextlib.closing(sqlite3.connect(path)) as connection:
            # Readers do not wait for a writer then; kept in the file.
            connection.execute('PRAGMA journal_mode=WAL')
        with open(path, 'rb') as database:
            return database.read()


class Notifier:
    """Takes the place of the versioned notifier; remembers what is sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, level: str) -> Any:
        def notify(context: Any, event_type: str, payload: Any) -> None:
            self.sent.append((event_type, payload['ironic_object.data']))

        return notify

    def lines(self) -> tuple[str, ...]:
        """Return what was sent, one line for each notification."""
        return tuple(
            f'{event_type} ({data.get("event")}: '
            f'{data.get("previous_provision_state")} -> '
            f'{data.get("provision_state")})'
            for event_type, data in self.sent
        )


def _unreachable(
    session: requests.Session, method: str, url: str, **kwargs: Any
) -> Any:
    """Take the place of ``Session.request()``: no request leaves a test."""
    raise requests.ConnectionError(url)


class Bench(mgr_utils.ServiceSetUpMixin, db_base.DbTestCase):
    """A conductor with a database, a recording notifier and no periodics."""

    def setUp(self) -> None:
        """Start the conductor."""
        super().setUp()
        self.useFixture(FileDatabase())
        # Ironic asks the server of an image what it is.
        self.useFixture(
            fixtures.MonkeyPatch('requests.Session.request', _unreachable)
        )
        self._start_service()
        self.config(notification_level='debug')
        self.config(host=self.hostname)
        for option in _TIME_OUTS:
            if option in CONF.conductor:
                self.config(group='conductor', **{option: _TIME_OUT})
        self.notifier = Notifier()
        self.useFixture(
            fixtures.MonkeyPatch(
                f'{rpc.__name__}.get_versioned_notifier',
                lambda *args, **kwargs: self.notifier,
            )
        )

    def take_work_by(self, submit: causes.Spawn) -> None:
        """Replace how the pools of the conductor take work.

        :param submit: called with a function and its arguments.
        """
        for pool in (self.service._executor, self.service._reserved_executor):
            if pool is not None:
                pool.submit = submit

    def create_node(self, **fields: Any) -> Any:
        """Put a node into the database.

        :param fields: of the node.
        :returns: the node object.
        """
        # As the API leaves a node: every interface is there. The task
        # manager would choose them otherwise.
        for interface in drivers_base.ALL_INTERFACES:
            noop = interface in ('network', 'storage')
            fields.setdefault(
                f'{interface}_interface', 'noop' if noop else 'fake'
            )
        return obj_utils.create_test_node(
            self.context,
            uuid=uuidutils.generate_uuid(),
            driver='fake-hardware',
            **fields,
        )

    def read(self, uuid: str) -> dict[str, Any]:
        """Read a node from the database.

        :param uuid: the UUID of the node.
        :returns: all of its fields, in plain types.
        """
        node = objects.Node.get_by_uuid(self.context, uuid)
        fields = {field: getattr(node, field) for field in node.fields}
        fields['traits'] = sorted(trait.trait for trait in node.traits)
        return fields

    def records(self, node_id: int) -> int:
        """Count the records of a node's history."""
        return len(objects.NodeHistory.list_by_node_id(self.context, node_id))

    def ask(
        self, case: cases.Case, cause: causes.Cause | None, uuid: str
    ) -> tuple[BaseException | None, bool]:
        """Make a request; everything has ended when this returns.

        :param case: what is asked for.
        :param cause: why it gets no worker; None if it gets one.
        :param uuid: the UUID of the node.
        :returns: what the caller got, and whether a worker was asked for.
        """
        asked: list[Any] = []
        with contextlib.ExitStack() as stack:
            if cause is None:
                worker = stack.enter_context(causes.Worker())
                stack.callback(worker.drain)
                spawn: causes.Spawn = worker.spawn
            else:
                spawn = cause.arm(stack)

            def count(*args: Any, **kwargs: Any) -> Any:
                asked.append(args)
                return spawn(*args, **kwargs)

            self.take_work_by(count)
            error = case.error(self.service, self.context, uuid)
        return error, bool(asked)

    def added_passes(self) -> None:
        """Run the periodic tasks that the plugin adds to Ironic's own."""
        for call in self.service._periodic_tasks.add.call_args_list:
            call.args[0](self.context)

    def time_out(self) -> fixtures.Fixture:
        """Return a fixture under which every time-out has passed."""
        later = timeutils.utcnow() + datetime.timedelta(seconds=2 * _TIME_OUT)
        return fixtures.MonkeyPatch(
            'oslo_utils.timeutils.utcnow', lambda: later
        )

    def later(self, seconds: float) -> fixtures.Fixture:
        """Return a fixture under which the plugin sees a later time.

        :param seconds: how much later
        """
        now = time.monotonic() + seconds
        stand_in = mock.Mock(spec_set=time, monotonic=lambda: now)
        return fixtures.MonkeyPatch(f'{continuations.__name__}.time', stand_in)

    def lose_conductor(self, hostname: str) -> None:
        """Register a conductor that has not been heard of for years."""
        objects.Conductor.register(
            self.context, hostname, ['fake-hardware'], ''
        )
        with enginefacade.writer.using(self.context) as session:
            session.query(models.Conductor).filter_by(
                hostname=hostname
            ).update({'online': False, 'updated_at': cases.LONG_AGO})


class SpawnFailure(Bench):
    """One case with one cause; what came out is in ``outcome``.

    :param case: what is asked for.
    :param cause: why it gets no worker.
    """

    def __init__(self, case: cases.Case, cause: causes.Cause) -> None:
        super().__init__('run_case')
        self._case = case
        self._cause = cause
        # Ironic's clean-up deletes attributes without an underscore.
        self._outcome: outcome.Outcome | None = None

    @property
    def seen(self) -> outcome.Outcome | None:
        """What became of the node; None if the case could not be run."""
        return self._outcome

    def id(self) -> str:
        """Name the case and the cause, for reports."""
        return f'{self._cause.name}: {self._case.name}'

    def run_case(self) -> None:
        """Make the request, wait for its end, and look at the node."""
        for group, option, value in self._case.options:
            self.config(group=group, **{option: value})
        self.context.auth_token_info = {
            'token': {'project': {'id': 'the-tenant'}}
        }
        self.lose_conductor(cases.DEAD_CONDUCTOR)
        node = self.create_node(**self._case.fields())
        before = self.read(node.uuid)
        records = self.records(node.id)
        self.notifier.sent.clear()
        error, asked = self.ask(self._case, self._cause, node.uuid)
        if not asked:
            self.skipTest(f'no worker was asked for: {error!r}')
        after = self.read(node.uuid)
        records = self.records(node.id) - records
        notifications = self.notifier.lines()
        awaited = not self._case.periodic and (
            self._case.staged or not self._cause.late
        )
        self._outcome = outcome.Outcome(
            name=self._case.name,
            before=before,
            after=after,
            records=records,
            notifications=notifications,
            error=error,
            found=self._look_again(node.uuid, awaited),
            awaited=awaited,
        )

    def _look_again(self, uuid: str, awaited: bool) -> outcome.Found:
        """Let later passes look for the node, now with free workers.

        :param uuid: of the node.
        :param awaited: whether the conductor was told that it was refused.
        """
        if self._case.cast and awaited and patching.state().patched:
            self.useFixture(self.later(_TIME_OUT))
            continued = self._is_dealt_with(uuid, self.added_passes)
            return outcome.Found.NEXT if continued else outcome.Found.NEVER
        if not self._case.periodic:
            return outcome.Found.NOT_ASKED

        def one() -> object:
            return self._case.request(self.service, self.context, uuid)

        if self._is_dealt_with(uuid, one):
            return outcome.Found.NEXT
        self.useFixture(self.time_out())
        if self._is_dealt_with(uuid, one):
            return outcome.Found.LATER
        return outcome.Found.NEVER

    def _is_dealt_with(self, uuid: str, one: Callable[[], object]) -> bool:
        before = self.read(uuid)['provision_state']
        worker = self.useFixture(causes.Worker())
        self.take_work_by(worker.spawn)
        one()
        worker.drain()
        node = self.read(uuid)
        return (
            bool(worker.ran)
            and node['reservation'] is None
            and node['provision_state'] != before
        )
