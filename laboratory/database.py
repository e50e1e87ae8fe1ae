# SPDX-License-Identifier: Apache-2.0
"""A private MariaDB or PostgreSQL in a directory, reached by a socket only.

pifpaf 3.4 cannot do this: it starts no PostgreSQL for root and no server again
on its data, needs 8 s for a MariaDB instead of 3, and exports settings into
the environment, where two servers would meet.
"""

from collections.abc import Mapping
import getpass
import pathlib
import shutil
from typing import Any

import sqlalchemy
from sqlalchemy import exc
from sqlalchemy import pool

from laboratory import errors
from laboratory import processes

# PostgreSQL refuses to run as root. Debian's package brings this user.
_USER = 'postgres'


def program(name: str, package: str, *places: str) -> str:
    """Find a program of a Debian package."""
    for path in (*places, None, '/usr/sbin'):
        found = shutil.which(name, path=path)
        if found:
            return found
    raise errors.LaboratoryError(
        f'{name} is missing: install the Debian package {package}'
    )


class Database(processes.Server):
    """A database server with one empty database; a context manager.

    :param directory: an existing directory. Its path must be short: the path
        of a socket has at most 107 characters.
    """

    # The database that is always there, and what makes another.
    _first: str
    _create: str
    _connect_args: Mapping[str, int] = {}

    @property
    def url(self) -> str:
        return self._url('ironic')

    def _url(self, name: str) -> str:
        raise NotImplementedError

    def another(self, name: str) -> str:
        """Create one more empty database; return its URL."""
        self.execute(self._create.format(name))
        return self._url(name)

    def execute(self, *statements: str) -> list[Any]:
        """Execute statements in one session, each in its own transaction.

        :returns: the rows of the last one.
        """
        engine = sqlalchemy.create_engine(
            self._url(self._first),
            poolclass=pool.NullPool,
            isolation_level='AUTOCOMMIT',
            connect_args=dict(self._connect_args),
        )
        with engine.connect() as connection:
            for statement in statements:
                result = connection.exec_driver_sql(statement)
            return list(result) if result.returns_rows else []

    def _answers(self) -> bool:
        try:
            self.execute('SELECT 1')
        except exc.OperationalError:
            return False
        return True


class MariaDB(Database):
    _first = 'mysql'
    _create = 'CREATE DATABASE {} CHARACTER SET utf8mb3'
    # Who serves when we are root.
    _user = 'root'

    def _url(self, name: str) -> str:
        return (
            f'mysql+pymysql://root@localhost/{name}'
            f'?unix_socket={self.directory}/mariadb.sock'
        )

    def serve(self) -> None:
        is_new = not (self.directory / 'data').exists()
        if is_new:
            self._install()
        self._run('--skip-networking')
        if is_new:
            self.another('ironic')

    def _program(self, name: str, *options: str) -> processes.Process:
        """Prepare a program, which refuses to run as root unless told to."""
        as_root = getpass.getuser() == 'root'
        return self.process(
            name,
            program(name, 'mariadb-server'),
            '--no-defaults',
            f'--datadir={self.directory / "data"}',
            *([f'--user={self._user}'] if as_root else []),
            *options,
        )

    def _install(self) -> None:
        processes.run_once(
            self._program(
                'mariadb-install-db',
                '--skip-test-db',
                '--auth-root-authentication-method=normal',
            )
        )

    def _run(self, *options: str) -> None:
        process = self._program(
            'mariadbd',
            f'--socket={self.directory}/mariadb.sock',
            f'--pid-file={self.directory}/mariadb.pid',
            '--character-set-server=utf8mb4',
            '--innodb-buffer-pool-size=128M',
            # What a power failure would cost is a test.
            '--innodb-flush-log-at-trx-commit=0',
            *options,
        )
        self.launch(process, self._answers, 'answer')


class PostgreSQL(Database):
    _first = 'postgres'
    _create = 'CREATE DATABASE {}'

    def _url(self, name: str) -> str:
        return f'postgresql+psycopg2://ironic@/{name}?host={self.directory}'

    def _program(self, name: str, *options: str) -> processes.Process:
        """Prepare a program; Debian's are not in the search path."""
        become = []
        if getpass.getuser() == 'root':
            become = ['setpriv', f'--reuid={_USER}', f'--regid={_USER}']
            become.append('--init-groups')
        places = pathlib.Path('/usr/lib/postgresql').glob('*/bin')
        path = program(name, 'postgresql', *sorted(map(str, places))[::-1])
        return self.process(name, *become, path, *options)

    def serve(self) -> None:
        if getpass.getuser() == 'root':
            shutil.chown(self.directory, _USER)
            # That user must get there.
            parent = self.directory.parent
            parent.chmod(parent.stat().st_mode | 0o011)
        data = f'--pgdata={self.directory / "data"}'
        options = '--username=ironic', '--auth=trust', '--encoding=UTF8'
        processes.run_once(
            self._program('initdb', data, *options, '--no-sync')
        )
        settings = {
            'listen_addresses': '',
            'unix_socket_directories': self.directory,
            'max_connections': 400,
            # What a power failure would cost is a test.
            'fsync': 'off',
            'synchronous_commit': 'off',
        }
        process = self._program(
            'postgres',
            f'-D{self.directory / "data"}',
            *(f'--{name}={value}' for name, value in settings.items()),
        )
        self.launch(process, self._answers, 'answer')
        self.another('ironic')
