# SPDX-License-Identifier: Apache-2.0
"""Read the nodes and their provision states from the API of Ironic."""

from collections.abc import Iterator
from typing import Any

from ironic_async_events import redaction
from ironic_async_events.audit import envelope
from ironic_async_events.command import sources

_FIELDS = ('uuid', 'provision_state', 'provision_updated_at')
# Has all provision states and pages of chosen fields.
_MICROVERSION = '1.49'


def read(
    cloud: str | None, url: str | None
) -> Iterator[tuple[str, str | None, float | None]]:
    """Read all nodes.

    :param cloud: the name of a cloud in ``clouds.yaml``.
    :param url: the URL of an API without authentication, instead of a cloud.
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
        connection: Any = (
            openstack.connection.Connection(
                auth_type='none',
                auth={'endpoint': url},
                baremetal_endpoint_override=url,
            )
            if url
            else openstack.connect(cloud=cloud)
        )
        for node in _pages(connection.baremetal):
            uuid, state, since = (node[name] for name in _FIELDS)
            yield uuid, state, envelope.seconds(since)
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
