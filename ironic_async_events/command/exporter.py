# SPDX-License-Identifier: Apache-2.0
"""``ironic-async-events exporter``."""

import argparse
from collections.abc import Callable
from collections.abc import Iterable
import contextlib
import threading
import time

from cliff import command

from ironic_async_events.command import metrics
from ironic_async_events.command import options
from ironic_async_events.command import sources

_NOTHING_READ = 2


def _address(text: str) -> tuple[str, int]:
    """Parse an address and a port.

    :raises argparse.ArgumentTypeError: when the text is neither.
    """
    host, colon, port = text.rpartition(':')
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise argparse.ArgumentTypeError(
            f'{text!r} is not ADDRESS:PORT, 127.0.0.1:9878 for example'
        )
    return host.strip('[]'), int(port)


class Exporter(command.Command):
    """Serve metrics of notifications to Prometheus.

    Listens to the notifications of a deployment like the audit. Other
    consumers still get every message. The metrics are served at /metrics
    when the exporter listens and knows the nodes.

    With --config-file, and when this configuration names the driver
    async_events_outbox, the metrics of the outbox are served too. This needs
    the Python environment of Ironic.

    The exit code is 2 if the exporter could not listen or serve.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the command line."""
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        options.add_sources(parser)
        options.add_rules(parser)
        parser.add_argument(
            '--listen',
            metavar='ADDRESS:PORT',
            type=_address,
            default='127.0.0.1:9878',
            help='where to serve the metrics (default: %(default)s)',
        )
        parser.add_argument(
            '--no-node-series',
            action='store_true',
            help='do not export since when each node is in its state, which '
            'is a time series for each node',
        )
        nodes = parser.add_argument_group(
            'nodes that are known at the start (default: none)'
        ).add_mutually_exclusive_group()
        nodes.add_argument(
            '--os-cloud',
            metavar='NAME',
            help='read the nodes from this cloud of clouds.yaml',
        )
        nodes.add_argument(
            '--ironic-url',
            metavar='URL',
            help='read the nodes from this API, which needs no authentication',
        )
        return parser

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Run the command.

        :param parsed_args: the parsed options.
        :returns: the exit code.
        """
        try:
            super().run(parsed_args)
        except sources.SourceError as exc:
            self.app.stderr.write(f'{exc}\n')
            return _NOTHING_READ
        return 0

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        """Serve until the source ends, time is over, or Ctrl-C.

        :param parsed_args: the parsed options.
        :raises SourceError: when it cannot listen or serve.
        """
        try:
            from ironic_async_events.command import scrape
        except ImportError as exc:
            raise sources.SourceError(
                'prometheus_client is missing; install ironic-async-events '
                'with its extra "exporter"'
            ) from exc
        shared = Shared(
            metrics.Metrics(
                parsed_args.unfinished_after,
                parsed_args.hold,
                each_node=not parsed_args.no_node_series,
            )
        )
        if parsed_args.config_file:
            shared.watch_outbox(parsed_args.config_file)
        messages = options.source(parsed_args, parsed_args.file)
        host, port = parsed_args.listen
        with contextlib.ExitStack() as serving:
            serves = False

            def take(batch: list[sources.Seen]) -> None:
                nonlocal serves
                if not serves:
                    # The source listens by now, so no change is missed.
                    shared.learn(parsed_args.os_cloud, parsed_args.ironic_url)
                shared.take(batch, messages.live)
                if not serves:
                    _enter(serving, scrape.serve(shared.read, host, port))
                    serves = True

            options.run(messages, parsed_args.duration, take)


def _enter(
    stack: contextlib.ExitStack,
    server: contextlib.AbstractContextManager[None],
) -> None:
    """Start the server.

    :raises SourceError: when it cannot listen.
    """
    try:
        stack.enter_context(server)
    except OSError as exc:
        raise sources.SourceError(
            f'cannot serve the metrics: {exc.strerror}; see --listen'
        ) from exc


class Shared:
    """Metrics that the main thread feeds and the server's threads read.

    :param figures: the metrics.
    """

    def __init__(self, figures: metrics.Metrics) -> None:
        self._figures = figures
        self._lock = threading.Lock()
        self._outbox: Callable[[], Iterable[metrics.Reading]] = tuple

    def watch_outbox(self, files: list[str]) -> None:
        """Read the outbox too, if the configuration uses it.

        :param files: Ironic's configuration files.
        :raises SourceError: when the configuration cannot be read.
        """
        from ironic_async_events.command import backlog

        if backlog.uses_outbox(files):
            outbox = backlog.connect(files)
            outbox.start()
            self._outbox = outbox.values

    def learn(self, cloud: str | None, url: str | None) -> None:
        """Read the nodes from the API, if the options name one.

        :raises SourceError: when the nodes cannot be read.
        """
        if cloud or url:
            from ironic_async_events.command import nodes

            for node in nodes.read(cloud, url):
                self._figures.know(*node)

    def take(self, batch: list[sources.Seen], live: bool) -> None:
        """Add a batch. Called by the main thread.

        :param batch: observations.
        :param live: whether the clock of this machine is the clock of the
            notifications.
        """
        with self._lock:
            for seen in batch:
                self._figures.take(seen)
            if live:
                self._figures.advance(time.time())

    def read(self) -> list[metrics.Reading]:
        """Return all metrics. Called by the threads of the server."""
        with self._lock:
            figures = list(self._figures.values())
        return [*figures, *self._outbox()]
