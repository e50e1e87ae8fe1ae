# SPDX-License-Identifier: Apache-2.0
"""A private MariaDB in a directory of its own, reached by a socket only.

pifpaf would do most of this. It waits for a line that names ``mysqld``,
which Debian's ``mariadbd`` does not print, and exports its settings into the
environment of the caller, where two servers in one process would meet.
"""

import getpass
import pathlib
import shutil

import pymysql

from laboratory import errors
from laboratory import processes

_INSTALL_SECONDS = 60.0
_START_SECONDS = 60.0


def program(name: str, package: str, *places: str) -> str:
    """Find a program of a Debian package.

    :param name: the program.
    :param package: the package that brings it, for the message.
    :param places: where to look beside the search path.
    :returns: its path.
    :raises LaboratoryError: when it is not installed.
    """
    for path in (None, '/usr/sbin', *places):
        found = shutil.which(name, path=path)
        if found:
            return found
    raise errors.LaboratoryError(
        f'{name} is missing: install the Debian package {package}'
    )


class MariaDB(processes.Server):
    """A database server with one empty database; a context manager.

    :param directory: an existing directory. Its path must be short: the path
        of a socket has at most 107 characters.
    """

    def __init__(self, directory: pathlib.Path) -> None:
        super().__init__()
        self.directory = directory
        self._socket = directory / 'mariadb.sock'

    @property
    def url(self) -> str:
        """What Ironic and the witness connect to."""
        return self._url('ironic')

    def _url(self, name: str) -> str:
        return (
            f'mysql+pymysql://root@localhost/{name}?unix_socket={self._socket}'
        )

    def another(self, name: str) -> str:
        """Create one more empty database.

        :param name: its name.
        :returns: its URL.
        """
        with self._connect() as connection:
            connection.cursor().execute(
                f'CREATE DATABASE {name} CHARACTER SET utf8mb3'
            )
        return self._url(name)

    def serve(self) -> None:
        """Start the server; the first time, create the database as well."""
        common = ['--no-defaults', f'--datadir={self.directory / "data"}']
        if getpass.getuser() == 'root':
            # Both refuse to run as root unless they are told to.
            common.append('--user=root')
        server = program('mariadbd', 'mariadb-server')
        is_new = not (self.directory / 'data').exists()
        if is_new:
            processes.run_once(
                processes.Process(
                    'mariadb-install-db',
                    [
                        program('mariadb-install-db', 'mariadb-server'),
                        *common,
                        '--skip-test-db',
                        '--auth-root-authentication-method=normal',
                    ],
                    self.directory / 'install.log',
                ),
                _INSTALL_SECONDS,
            )
        process = processes.Process(
            'mariadbd',
            [
                server,
                *common,
                f'--socket={self._socket}',
                f'--pid-file={self.directory / "mariadb.pid"}',
                '--skip-networking',
                '--character-set-server=utf8mb4',
                '--innodb-buffer-pool-size=128M',
                # What a power failure would cost is a test.
                '--innodb-flush-log-at-trx-commit=0',
            ],
            self.directory / 'mariadbd.log',
        ).start()
        self.running.append(process)
        process.require(self._answers, _START_SECONDS, 'answer')
        if is_new:
            self.another('ironic')

    def _connect(self) -> 'pymysql.Connection':
        return pymysql.connect(unix_socket=str(self._socket), user='root')

    def _answers(self) -> bool:
        try:
            self._connect().close()
        except pymysql.MySQLError:
            return False
        return True
