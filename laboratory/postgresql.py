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
from laboratory import witness

_SECONDS = 60.0
_PACKAGE = 'postgresql'
# It refuses to run as root. Debian's package brings this user.
_USER = 'postgres'

_TRIGGER = (
    f"""
    CREATE TABLE {witness.TABLE} (
        id BIGSERIAL PRIMARY KEY,
        node VARCHAR(36) NOT NULL,
        before_state VARCHAR(15),
        state VARCHAR(15),
        before_target VARCHAR(15),
        target VARCHAR(15),
        seen_at DOUBLE PRECISION NOT NULL)
    """,
    f"""
    CREATE FUNCTION {witness.TABLE}() RETURNS trigger AS $$
    BEGIN
        IF TG_OP = 'INSERT' THEN
            INSERT INTO {witness.TABLE} (node, state, target, seen_at)
            VALUES (NEW.uuid, NEW.provision_state, NEW.target_provision_state,
                extract(epoch FROM clock_timestamp()));
        ELSIF OLD.provision_state IS DISTINCT FROM NEW.provision_state THEN
            INSERT INTO {witness.TABLE}
                (node, before_state, state, before_target, target, seen_at)
            VALUES (NEW.uuid, OLD.provision_state, NEW.provision_state,
                OLD.target_provision_state, NEW.target_provision_state,
                extract(epoch FROM clock_timestamp()));
        END IF;
        RETURN NULL;
    END $$ LANGUAGE plpgsql
    """,
    f"""
    CREATE TRIGGER {witness.TABLE} AFTER INSERT OR UPDATE ON nodes
    FOR EACH ROW EXECUTE FUNCTION {witness.TABLE}()
    """,
)


class Witness(witness.Witness):
    """Sees the changes that were committed in a PostgreSQL."""

    def install(self) -> None:
        """Create table and trigger; the schema must exist."""
        with self._engine.begin() as connection:
            for statement in _TRIGGER:
                connection.exec_driver_sql(statement)


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
        """Start the server; the first time, create the database as well."""
        become = []
        if getpass.getuser() == 'root':
            become = ['setpriv', f'--reuid={_USER}', f'--regid={_USER}']
            become.append('--init-groups')
            shutil.chown(self.directory, _USER)
            # That user must get there.
            parent = self.directory.parent
            parent.chmod(parent.stat().st_mode | 0o011)
        data = self.directory / 'data'
        is_new = not data.exists()
        if is_new:
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
        if is_new:
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
