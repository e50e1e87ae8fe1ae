# SPDX-License-Identifier: Apache-2.0
"""A private PostgreSQL in a directory of its own, reached by a socket only."""

import getpass
import pathlib
import shutil

import sqlalchemy
from sqlalchemy import exc
from sqlalchemy import pool

from laboratory import database
from laboratory import processes

_SECONDS = 60.0
_PACKAGE = 'postgresql'
# It refuses to run as root. Debian's package brings this user.
_USER = 'postgres'


class PostgreSQL(processes.Server):
    """A database server with one empty database; a context manager.

    :param directory: an existing directory with a short path.
    """

    def __init__(self, directory: pathlib.Path) -> None:
        super().__init__()
        self.directory = directory

    @property
    def url(self) -> str:
        """What Ironic and the witness connect to."""
        return self._url('ironic')

    def _url(self, name: str) -> str:
        return f'postgresql+psycopg2://ironic@/{name}?host={self.directory}'

    def another(self, name: str) -> str:
        """Create one more empty database.

        :param name: its name.
        :returns: its URL.
        """
        self._execute(f'CREATE DATABASE {name}')
        return self._url(name)

    def serve(self) -> None:
        """Initialise a cluster, start the server, create the database."""
        become = []
        if getpass.getuser() == 'root':
            become = ['setpriv', f'--reuid={_USER}', f'--regid={_USER}']
            become.append('--init-groups')
            shutil.chown(self.directory, _USER)
            # That user must get there.
            parent = self.directory.parent
            parent.chmod(parent.stat().st_mode | 0o011)
        data = self.directory / 'data'
        processes.run_once(
            processes.Process(
                'initdb',
                [
                    *become,
                    _find('initdb'),
                    f'--pgdata={data}',
                    '--username=ironic',
                    '--auth=trust',
                    '--encoding=UTF8',
                    '--no-sync',
                ],
                self.directory / 'initdb.log',
            ),
            _SECONDS,
        )
        settings = {
            'listen_addresses': '',
            'unix_socket_directories': self.directory,
            'max_connections': 400,
            # What a power failure would cost is a test.
            'fsync': 'off',
            'synchronous_commit': 'off',
        }
        process = processes.Process(
            'postgres',
            [
                *become,
                _find('postgres'),
                '-D',
                str(data),
                *(f'--{name}={value}' for name, value in settings.items()),
            ],
            self.directory / 'postgres.log',
        ).start()
        self.running.append(process)
        process.require(self._answers, _SECONDS, 'answer')
        self.another('ironic')

    def _execute(self, statement: str) -> None:
        engine = sqlalchemy.create_engine(
            self._url('postgres'),
            poolclass=pool.NullPool,
            isolation_level='AUTOCOMMIT',
        )
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)

    def _answers(self) -> bool:
        try:
            self._execute('SELECT 1')
        except exc.OperationalError:
            return False
        return True


def _find(name: str) -> str:
    """Prefer Debian's, which are not in the search path."""
    places = sorted(pathlib.Path('/usr/lib/postgresql').glob(f'*/bin/{name}'))
    return str(places[-1]) if places else database.program(name, _PACKAGE)
