# SPDX-License-Identifier: Apache-2.0
"""Tests of the commands."""

import importlib.util
import os
import subprocess
import sys

import fixtures
from oslotest import base

from ironic_async_events.command import app
from ironic_async_events.command import ironic_conf
from ironic_async_events.command import outbox
from ironic_async_events.outbox import schema
from ironic_async_events.outbox import store
from ironic_async_events.tests.unit.outbox import base as outbox_base

# From Ironic 32 on; before, programs say that eventlet is deprecated.
NATIVE = importlib.util.find_spec('ironic.command') is not None


class OutboxTestCase(outbox_base.OutboxTestCase):
    def setUp(self):
        super().setUp()
        # The configuration is that of the test.
        for name in ('prepare', 'read'):
            self.useFixture(
                fixtures.MockPatchObject(ironic_conf, name, lambda *args: None)
            )
        self.useFixture(
            fixtures.MockPatchObject(schema, 'check', lambda engine: None)
        )

    def run_command(self, command, *arguments):
        one = command(None, None)
        return one.take_action(one.get_parser('').parse_args(arguments))

    def put(self, *ids, aside=False):
        for id in ids:
            store.put(outbox_base.make_message(id), lambda: None)
            if aside:
                store.set_aside(self.rows()[-1].id, 5, 'too large')

    def test_each_command_is_found_by_its_name(self):
        manager = app.Commands()
        for name, command in (
            ('status', outbox.Status),
            ('list', outbox.List),
            ('retry', outbox.Retry),
            ('purge', outbox.Purge),
        ):
            found, _, _ = manager.find_command(['outbox', name])
            self.assertIs(command, found)

    def test_status(self):
        self.put('one', 'two')
        self.put('three', aside=True)
        found = dict(zip(*self.run_command(outbox.Status), strict=True))
        self.assertEqual(
            (2, 0, 1, 'none'),
            (
                found['waiting'],
                found['refused'],
                found['set_aside'],
                found['relay'],
            ),
        )
        self.assertLess(found['oldest_seconds'], 60)
        store.take_lease('somebody', 60)
        found = dict(zip(*self.run_command(outbox.Status), strict=True))
        self.assertEqual('somebody', found['relay'])
        store.mark_refused([self.rows()[0].id], 'somebody')
        found = dict(zip(*self.run_command(outbox.Status), strict=True))
        self.assertEqual((2, 1), (found['waiting'], found['refused']))

    def test_list(self):
        self.put('one')
        self.put('two', aside=True)
        names, rows = self.run_command(outbox.List)
        (found,) = (dict(zip(names, row, strict=True)) for row in rows)
        self.assertLess(found.pop('seconds'), 60)
        self.assertEqual(
            {
                'id': self.rows()[1].id,
                'message_id': 'two',
                'type': 'baremetal.node.provision_set.end',
                'about': 'node',
                'tries': 5,
                'error': 'too large',
            },
            found,
        )

    def test_retry_and_purge(self):
        self.put('one', 'two', 'three', aside=True)
        one, two, _three = (str(row.id) for row in self.rows())
        self.run_command(outbox.Retry, one)
        self.run_command(outbox.Purge, two)
        self.assertEqual(
            ['one', 'three'], [row.message_id for row in self.rows()]
        )
        self.assertEqual(
            [self.rows()[0].id], [row.id for row in store.waiting(10)]
        )

    def test_what_waits_is_neither_purged_nor_tried_again(self):
        self.put('one')
        self.put('two', aside=True)
        one, two = (str(row.id) for row in self.rows())
        for command in (outbox.Purge, outbox.Retry):
            error = self.assertRaises(
                outbox.NotSetAside, self.run_command, command, one
            )
            self.assertIn(f'not set aside: {one}', str(error))
        self.assertEqual([one, two], [str(row.id) for row in self.rows()])

    def test_nothing_is_purged_that_is_not_named(self):
        self.put('one', aside=True)
        self.assertRaises(SystemExit, self.run_command, outbox.Purge)
        self.assertEqual(1, len(self.rows()))


class _ProgramTestCase(base.BaseTestCase):
    """The programs themselves, each in a process of its own."""

    def setUp(self):
        super().setUp()
        directory = self.useFixture(fixtures.TempDir()).path
        self.config = os.path.join(directory, 'ironic.conf')
        with open(self.config, 'w') as file:
            file.write(
                '[database]\n'
                f'connection = sqlite:///{directory}/ironic.sqlite\n'
            )

    def place(self, module, arguments):
        """Put the option where oslo.config and where cliff expects it."""
        option = ('--config-file', self.config)
        if module == '__main__':
            return (*arguments, *option)
        return (*option, *arguments)

    def run_program(self, module, *arguments, code=0):
        done = subprocess.run(
            [
                sys.executable,
                *(() if NATIVE else ('-W', 'ignore')),
                '-m',
                f'ironic_async_events.command.{module}',
                *self.place(module, arguments),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(code, done.returncode, done.stderr)
        self.assertNotIn('Traceback', done.stderr)
        self.assertNotIn('Warning', done.stderr)
        return done.stdout if code == 0 else done.stderr


class ProgramTestCase(_ProgramTestCase):
    def test_without_tables_it_says_what_to_do(self):
        refusal = self.run_program('__main__', 'outbox', 'status', code=1)
        self.assertIn('ironic-async-events-dbsync upgrade', refusal)

    def test_a_configuration_that_is_not_there(self):
        self.config = '/nowhere/ironic.conf'
        refusal = self.run_program('__main__', 'outbox', 'list', code=1)
        self.assertIn('/nowhere/ironic.conf', refusal)


class WithoutDatabaseTestCase(_ProgramTestCase):
    """A database that cannot be reached is one line that tells no secret."""

    # One of each program.
    COMMANDS = (('dbsync', 'upgrade'), ('__main__', 'outbox', 'status'))
    OTHERS = (
        ('dbsync', 'current'),
        ('dbsync', 'drop'),
        ('__main__', 'outbox', 'purge', '1'),
    )

    def assert_refused(self, url, expected, commands=COMMANDS):
        with open(self.config, 'w') as file:
            file.write(
                '[DEFAULT]\nlog_file = /dev/null\n'
                f'[database]\nconnection = {url}\n'
                'max_retries = 1\nretry_interval = 0\n'
            )
        for command in commands:
            refusal = self.run_program(*command, code=1)
            self.assertIn(expected, refusal)
            self.assertIn('[database] connection', refusal)
            self.assertEqual(1, refusal.count('\n'), refusal)
            self.assertNotIn('s3cret', refusal)

    def test_a_server_that_is_away(self):
        self.assert_refused(
            'mysql+pymysql://ironic:s3cret@127.0.0.1:1/ironic',
            'the database cannot be used',
            self.COMMANDS + self.OTHERS,
        )

    def test_a_directory_that_is_not_there(self):
        self.assert_refused(
            'sqlite:////nowhere/at/all/ironic.sqlite', 'unable to open'
        )

    def test_a_url_that_is_none(self):
        self.assert_refused(
            'mysql//ironic:s3cret@host/ironic', 'the database cannot be used'
        )

    def test_a_library_that_is_missing(self):
        self.assert_refused(
            'mysql+cymysql://ironic:s3cret@host/ironic', 'cymysql'
        )

    def test_a_password_that_is_not_encoded(self):
        for password in ('x@s3cret', 'x@y:s3cret'):
            self.assert_refused(
                f'mysql+pymysql://ironic:{password}@127.0.0.1:1/ironic',
                'the database cannot be used',
            )

    def test_a_port_or_an_option_that_is_none(self):
        for rest in (':s3cret/ironic', ':1/ironic?option=s3cret'):
            self.assert_refused(
                f'mysql+pymysql://ironic:s3cret@127.0.0.1{rest}',
                'the database cannot be used',
            )
