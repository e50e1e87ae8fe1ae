# SPDX-License-Identifier: Apache-2.0
"""Three Galera servers, and an HAProxy before them, on loopback."""

from collections.abc import Sequence
import contextlib
import getpass
import pathlib
import random
import shutil
import signal
import socket
from typing import Any

from sqlalchemy import exc

from laboratory import database
from laboratory import processes

_PROVIDER = '/usr/lib/galera/libgalera_smm.so'
# A server that says nothing for so long is voted out.
SUSPECT_SECONDS = 2

LAG = 'CREATE TABLE {} (id BIGINT PRIMARY KEY AUTO_INCREMENT, seconds DOUBLE)'
"""Makes a table whose rows say for how long a server lags; see :func:`lag`."""


def port() -> int:
    """Find a port that the kernel gives to no client: it is below 32768."""
    while True:
        number = random.randrange(12000, 32000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(('127.0.0.1', number))
            return number


class Server(database.MariaDB):
    """A server of the cluster, in a directory with a short path."""

    # An rsync that is a daemon is nobody when it is root, and may not write.
    _user = 'mysql'
    # It may stand still.
    _connect_args = {'connect_timeout': 3, 'read_timeout': 20}

    def __init__(self, directory: pathlib.Path) -> None:
        super().__init__(directory)
        if getpass.getuser() == 'root':
            shutil.chown(directory, self._user)
            for parent in (directory.parent, directory.parent.parent):
                parent.chmod(parent.stat().st_mode | 0o011)
        self.port, self.group, self._ist, self._sst = (
            port() for _ in range(4)
        )
        self.members: Sequence[Server] = ()

    def _url(self, name: str) -> str:
        return f'mysql+pymysql://root@127.0.0.1:{self.port}/{name}'

    def serve(self) -> None:
        """Start it and have it join the others; the first makes them one."""
        others = [member for member in self.members if member.running]
        data = self.directory / 'data'
        is_new = not others and not data.exists()
        if is_new:
            self._install()
        if others:
            data.mkdir(exist_ok=True)
            shutil.chown(data, self.directory.owner())
            # Who comes back before the others know that it had gone can
            # leave them without a majority.
            size = str(len(others))
            processes.wait_for(
                lambda: all(
                    other.status('wsrep_cluster_size') == size
                    for other in others
                ),
                processes.START_SECONDS,
            )
        addresses = ','.join(f'127.0.0.1:{x.group}' for x in self.members)
        provider = {
            'gmcast.listen_addr': f'tcp://127.0.0.1:{self.group}',
            'ist.recv_addr': f'127.0.0.1:{self._ist}',
            'gcache.size': '64M',
            # A server that lags does not hold up the others.
            'gcs.fc_limit': 100000,
            'evs.suspect_timeout': f'PT{SUSPECT_SECONDS}S',
            'evs.inactive_timeout': f'PT{2 * SUSPECT_SECONDS}S',
            'evs.keepalive_period': 'PT0.5S',
        }
        self._run(
            '--bind-address=127.0.0.1',
            f'--port={self.port}',
            '--max-connections=500',
            '--binlog-format=ROW',
            '--innodb-autoinc-lock-mode=2',
            '--innodb-log-file-size=32M',
            '--wsrep-on=ON',
            f'--wsrep-provider={_PROVIDER}',
            f'--wsrep-cluster-address=gcomm://{addresses}',
            f'--wsrep-node-address=127.0.0.1:{self.group}',
            f'--wsrep-node-incoming-address=127.0.0.1:{self.port}',
            '--wsrep-sst-method=rsync',
            f'--wsrep-sst-receive-address=127.0.0.1:{self._sst}',
            '--wsrep-provider-options='
            + ';'.join(f'{name}={value}' for name, value in provider.items()),
            # Where a row is written, triggers see nothing of the others; on
            # the others, only those that the first does not have.
            '--slave-run-triggers-for-rbr=YES',
            *(() if others else ('--wsrep-new-cluster',)),
        )
        if is_new:
            super().execute(self._create.format('ironic'))

    def _answers(self) -> bool:
        return self.status('wsrep_ready') == 'ON'

    def execute(self, *statements: str) -> list[Any]:
        """See :meth:`Database.execute`; in the database of Ironic."""
        return super().execute('USE ironic', *statements)

    def status(self, name: str) -> str:
        """Return a variable of its state; empty if it does not answer."""
        try:
            rows = super().execute(f"SHOW GLOBAL STATUS LIKE '{name}'")
        except exc.DBAPIError:
            return ''
        return str(rows[0][1]) if rows else ''

    def signal(self, what: signal.Signals) -> None:
        for process in self.running:
            process.signal(what)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.stop()

    def forget(self) -> None:
        """Remove its data, so that it has to get all of it anew."""
        shutil.rmtree(self.directory / 'data')


def lag(server: Server, table: str) -> None:
    """Let a server lag when another server writes a row of :data:`LAG`."""
    server.execute(
        # The other servers learn nothing of it.
        'SET SESSION wsrep_on = OFF',
        f'CREATE TRIGGER {table} BEFORE INSERT ON {table} FOR EACH ROW '
        'SET NEW.seconds = SLEEP(NEW.seconds)',
    )


class Galera(processes.Server):
    """Servers of one cluster; a context manager."""

    def __init__(self, directory: pathlib.Path, names: str = 'abc') -> None:
        super().__init__(directory)
        self.servers: list[Server] = []
        for name in names:
            (directory / name).mkdir()
            self.servers.append(Server(directory / name))
        for server in self.servers:
            server.members = self.servers

    def serve(self) -> None:
        for server in self.servers:
            server.start()

    def stop(self) -> None:
        """Kill them: nobody needs their data any more."""
        for server in self.servers:
            server.signal(signal.SIGCONT)
            server.kill()

    def whole(self) -> bool:
        return all(
            server.status('wsrep_cluster_size') == str(len(self.servers))
            and server.status('wsrep_local_state_comment') == 'Synced'
            for server in self.servers
        )


class HAProxy(processes.Server):
    """Connections to one active server, or to all of them in turn."""

    def __init__(
        self, directory: pathlib.Path, servers: Sequence[Server]
    ) -> None:
        super().__init__(directory)
        self._servers = servers
        self._active, self._all = port(), port()

    def url(self, in_turn: bool) -> str:
        """What Ironic connects to: all servers, or the active server."""
        number = self._all if in_turn else self._active
        return f'mysql+pymysql://root@127.0.0.1:{number}/ironic'

    def serve(self) -> None:
        """Start it; whether a server lives is seen by its port."""
        lines = [
            'defaults',
            '  mode tcp',
            '  timeout connect 5s',
            '  timeout client 3600s',
            '  timeout server 3600s',
            '  default-server check inter 500 rise 2 fall 2 '
            'on-marked-down shutdown-sessions',
            f'listen active\n  bind 127.0.0.1:{self._active}',
            *self._lines(' backup'),
            f'listen all\n  bind 127.0.0.1:{self._all}',
            '  balance roundrobin',
            *self._lines(),
        ]
        path = self.directory / 'haproxy.cfg'
        path.write_text('\n'.join(lines) + '\n', encoding='utf-8')
        program = database.program('haproxy', 'haproxy')
        process = self.process('haproxy', program, '-db', '-f', str(path))
        self.running.append(process.start())

    def _lines(self, others: str = '') -> list[str]:
        return [
            f'  server s{number} 127.0.0.1:{server.port}'
            + (others if number else '')
            for number, server in enumerate(self._servers)
        ]
