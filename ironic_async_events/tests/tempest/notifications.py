# SPDX-License-Identifier: Apache-2.0
"""Where the tests hear Ironic's notifications."""

import json
import pathlib
import tempfile
from typing import Any

from tempest import config
from tempest.lib.common.utils import test_utils

from ironic_async_events.audit import observation

CONF = config.CONF
_SECONDS = 60


class Listener:
    """What was announced of each node since the tests began.

    Tempest's worker process uses it from one thread.
    """

    def __init__(self) -> None:
        self._collector: Any = None
        self._directory: Any = None
        self._path: pathlib.Path | None = None

    def start(self) -> None:
        """Listen to what tempest.conf names; to nothing if it names nothing.

        :raises Exception: what keeps it from listening to the broker.
        """
        options = CONF.async_events
        if options.recording:
            self._path = pathlib.Path(options.recording)
        elif options.amqp_url:
            # kombu need not be there for those who have a recording.
            from ironic_async_events.tests.tempest import bus

            self._directory = tempfile.TemporaryDirectory()
            self._path = pathlib.Path(self._directory.name, 'notifications')
            self._collector = bus.Collector(options.amqp_url, self._path)
            self._collector.start()

    def stop(self) -> None:
        """Stop listening."""
        if self._collector is not None:
            self._collector.stop()
        if self._directory is not None:
            self._directory.cleanup()

    @property
    def listens(self) -> bool:
        """Whether there is anything to listen to."""
        return self._path is not None

    def heard(self, node: str, at_least: int = 0) -> list[str]:
        """Give back what was announced of a node, in that order.

        :param node: its UUID.
        :param at_least: how many announcements to wait for, a bounded time:
            the last state can be seen before it is announced.
        :returns: one line for each.
        """
        lines: list[str] = []

        def enough() -> bool:
            lines[:] = self._read(node)
            return len(lines) >= at_least

        test_utils.call_until_true(enough, _SECONDS, 0.2)
        return lines

    def _read(self, node: str) -> list[str]:
        assert self._path is not None
        lines = self._path.read_text() if self._path.exists() else ''
        observations = (
            observation.observe(json.loads(line))
            for line in lines.splitlines()
        )
        return [
            str(seen)
            for seen in observations
            if isinstance(seen, observation.Observation)
            and seen.kind == 'provision_set'
            and seen.node == node
        ]
