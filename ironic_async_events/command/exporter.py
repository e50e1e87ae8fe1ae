# SPDX-License-Identifier: Apache-2.0
"""``ironic-async-events exporter``."""

import argparse
from collections.abc import Iterator
import contextlib
from typing import Any

from ironic_async_events import redaction
from ironic_async_events.audit import observation as obs
from ironic_async_events.command import metrics
from ironic_async_events.command import reading
from ironic_async_events.command import sources

_FIELDS = ('uuid', 'provision_state', 'provision_updated_at')
# Has all provision states and pages of chosen fields.
_MICROVERSION = '1.49'


def _address(text: str) -> tuple[str, int]:
    """Parse an address and a port."""
    host, colon, port = text.rpartition(':')
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise argparse.ArgumentTypeError(
            f'{text!r} is not ADDRESS:PORT, 127.0.0.1:9878 for example'
        )
    return host.strip('[]'), int(port)


class Exporter(reading.Reading):
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
        parser = super().get_parser(prog_name)
        reading.add_rules(parser)
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

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        """Serve until the source ends, time is over, or Ctrl-C."""
        try:
            import prometheus_client
        except ImportError as exc:
            raise sources.SourceError(
                'prometheus_client is missing; install ironic-async-events '
                'with its extra "exporter"'
            ) from exc
        figures = metrics.Metrics(
            parsed_args.unfinished_after,
            parsed_args.hold,
            each_node=not parsed_args.no_node_series,
        )
        collectors = prometheus_client.CollectorRegistry()
        collectors.register(figures)
        prometheus_client.ProcessCollector(registry=collectors)
        if parsed_args.config_file:
            from ironic_async_events.command import backlog

            if backlog.uses_outbox(parsed_args.config_file):
                outbox = backlog.connect(parsed_args.config_file)
                outbox.start()
                collectors.register(outbox)
        path = parsed_args.file
        cloud, url = parsed_args.os_cloud, parsed_args.ironic_url
        with contextlib.ExitStack() as serving:
            serves = False

            def take(batch: list[obs.Seen]) -> None:
                nonlocal serves
                if not serves and (cloud or url):
                    # The source listens by now, so no change is missed.
                    for node in nodes(cloud, url):
                        figures.know(*node)
                figures.take(batch, live=path is None)
                if not serves:
                    serving.enter_context(
                        serve(collectors, *parsed_args.listen)
                    )
                    serves = True

            reading.run(parsed_args, path, take)


@contextlib.contextmanager
def serve(collectors: Any, host: str, port: int) -> Iterator[None]:
    """Serve the metrics until the block ends.

    :raises SourceError: when the server cannot listen there.
    """
    import prometheus_client

    try:
        server, thread = prometheus_client.start_http_server(
            port, host, collectors
        )
    except OSError as exc:
        raise sources.SourceError(
            f'cannot serve the metrics: {exc.strerror}; see --listen'
        ) from exc
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def nodes(
    cloud: str | None, url: str | None
) -> Iterator[tuple[str, str | None, float | None]]:
    """Read all nodes from the API of Ironic.

    :returns: UUID and provision state of each node, and since when; None if
        the node is in its first state.
    :raises SourceError: when the nodes cannot be read.
    """
    try:
        import openstack
    except ImportError as exc:
        raise sources.SourceError(
            'openstacksdk is missing; install ironic-async-events with its '
            'extra "exporter"'
        ) from exc
    where = f'the cloud {cloud}'
    try:
        if url:
            parts = redaction.web(url, '--ironic-url')
            url = parts.geturl()
            where = f'{parts.scheme}://{parts.netloc.rpartition("@")[2]}'
            connection: Any = openstack.connection.Connection(
                auth_type='none',
                auth={'endpoint': url},
                baremetal_endpoint_override=url,
            )
        else:
            connection = openstack.connect(cloud=cloud)
        for node in _pages(connection.baremetal):
            uuid, state, since = (node[name] for name in _FIELDS)
            yield uuid, state, obs.seconds(since)
    except redaction.BadURL as exc:
        raise sources.SourceError(str(exc)) from None
    except Exception as exc:
        # The SDK passes on the errors of the libraries that it uses.
        raise sources.SourceError(
            f'cannot read the nodes from {where}: {type(exc).__name__}: '
            f'{redaction.line(exc)}'
        ) from exc


def _pages(baremetal: Any) -> Iterator[dict[str, Any]]:
    """Read page after page.

    Not as the SDK's nodes, which do not know when the state was updated.
    """
    from openstack import exceptions

    parameters = {'fields': ','.join(_FIELDS)}
    while True:
        answer = baremetal.get(
            '/nodes', params=parameters, microversion=_MICROVERSION
        )
        exceptions.raise_from_response(answer)
        page = answer.json()
        yield from page['nodes']
        if 'next' not in page:
            return
        parameters['marker'] = page['nodes'][-1]['uuid']
