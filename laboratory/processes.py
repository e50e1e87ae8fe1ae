# SPDX-License-Identifier: Apache-2.0
"""Start processes in groups of their own, and never leave one behind."""

import atexit
from collections.abc import Callable
from collections.abc import Mapping
import contextlib
import dataclasses
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
from typing import Self

from laboratory import errors

START_SECONDS = 90.0
"""How long anything may take to start, or to be run to its end."""

_RUNNING: list['Process'] = []


def free_port() -> int:
    """Ask the kernel for a port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port: int = probe.getsockname()[1]
        return port


def tail(path: pathlib.Path, lines: int = 25) -> str:
    try:
        text = path.read_text(encoding='utf-8', errors='replace')
    except OSError:
        return f'(no log at {path})'
    return '\n'.join(text.splitlines()[-lines:])


def wait_for(
    condition: Callable[[], bool], seconds: float, pause: float = 0.05
) -> bool:
    """Poll a condition; tell whether it came to hold in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True


@dataclasses.dataclass(eq=False)
class Process:
    """One program with its log; killed after a grace with its children."""

    name: str
    argv: list[str]
    log: pathlib.Path
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    grace: float = 20.0
    _popen: subprocess.Popen[bytes] | None = dataclasses.field(
        default=None, init=False
    )

    @property
    def pid(self) -> int:
        """The process id, which is the id of its group as well."""
        assert self._popen is not None, f'{self.name} was not started'
        return self._popen.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs."""
        return None if self._popen is None else self._popen.poll()

    def start(self) -> Self:
        """Start it in a session of its own, so that Ctrl-C is ours alone."""
        with open(self.log, 'ab') as output:
            try:
                self._popen = subprocess.Popen(
                    self.argv,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **self.environment},
                    start_new_session=True,
                )
            except OSError as error:
                raise errors.LaboratoryError(
                    f'{self.name} could not be started: {error}'
                ) from error
        _RUNNING.append(self)
        return self

    def require(
        self,
        condition: Callable[[], bool],
        seconds: float,
        what: str,
        pause: float = 0.05,
    ) -> None:
        """Wait until the process does what it was started for."""
        wait_for(
            lambda: condition() or self.returncode is not None, seconds, pause
        )
        if condition():
            return
        how = f'did not come to {what} within {seconds:.0f} s'
        if self.returncode is not None:
            how = f'ended with code {self.returncode} before it came to {what}'
        raise errors.LaboratoryError(
            f'{self.name} {how}. The end of its log:\n{tail(self.log)}'
        )

    def end(self, seconds: float) -> int | None:
        """Wait for its end; return its code, None if it still runs."""
        wait_for(lambda: self.returncode is not None, seconds)
        return self.returncode

    def stop(self) -> None:
        """Ask politely, wait a bounded time, then kill the whole group."""
        if self in _RUNNING:
            _RUNNING.remove(self)
        if self._popen is None:
            return
        if self._popen.poll() is None:
            self._popen.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(self.grace)
        # Children outlive a leader that was killed, or that crashed.
        self.signal(signal.SIGKILL)
        self._popen.wait()

    def signal(self, what: signal.Signals) -> None:
        """Send a signal to the whole group, if it is still there."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, what)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()


class Server:
    """Programs that serve together; a context manager."""

    def __init__(self, directory: pathlib.Path) -> None:
        self.directory = directory
        self.running: list[Process] = []

    def process(
        self, name: str, *argv: str, environment: Mapping[str, str] = {}
    ) -> Process:
        """Prepare a program, whose log is in the directory."""
        log = self.directory / f'{name}.log'
        return Process(name, list(argv), log, environment)

    def serve(self) -> None:
        """Start programs, append them to ``running``, and wait for them."""
        raise NotImplementedError

    def start(self) -> Self:
        """Start everything and wait until it serves."""
        try:
            self.serve()
        except BaseException:
            self.stop()
            raise
        return self

    def launch(
        self, process: Process, serves: Callable[[], bool], what: str
    ) -> None:
        self.running.append(process.start())
        process.require(serves, START_SECONDS, what)

    def stop(self) -> None:
        """Stop what runs, the last one first."""
        while self.running:
            self.running.pop().stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.stop()


def end_on_sigterm() -> None:
    """Have SIGTERM end this program, and so what it has started."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))


def run_once(process: Process, seconds: float = START_SECONDS) -> str:
    process.log.unlink(missing_ok=True)
    with process.start():
        if process.end(seconds) != 0:
            end = tail(process.log)
            raise errors.LaboratoryError(
                f'{process.name} failed. The end of its log:\n{end}'
            )
    return process.log.read_text(encoding='utf-8', errors='replace')


@atexit.register
def _stop_all() -> None:
    for process in reversed(list(_RUNNING)):
        process.stop()
