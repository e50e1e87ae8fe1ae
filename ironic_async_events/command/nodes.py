# SPDX-License-Identifier: Apache-2.0
"""Read the nodes and their provision states from the API of Ironic."""

from collections.abc import Iterator
from typing import Any

from ironic_async_events.audit import envelope
from ironic_async_events.command import sources

_FIELDS = ('uuid', 'provision_state', 'provision_updated_at')


def read(
    cloud: str | None, url: str | None
) -> Iterator[tuple[str, str | None, float | None]]:
    """Read all nodes.

    :param cloud: the name of a cloud in ``clouds.yaml``.
    :param url: the URL of an API without authentication, instead of a cloud.
    :returns: UUID and provision state of each node, and since when.
    :raises SourceError: when the nodes cannot be read.
    """
    try:
        import openstack
    except ImportError as exc:
        raise sources.SourceError(
            'openstacksdk is missing; install ironic-async-events with its '
            'extra "exporter"'
        ) from exc
    try:
        connection: Any = (
            openstack.connection.Connection(
                auth_type='none',
                auth={'endpoint': url},
                baremetal_endpoint_override=url,
            )
            if url
            else openstack.connect(cloud=cloud)
        )
        for node in connection.baremetal.nodes(fields=_FIELDS):
            yield (
                node.id,
                node.provision_state,
                envelope.seconds(node.provision_updated_at),
            )
    except Exception as exc:
        # The SDK passes on the errors of the libraries that it uses.
        raise sources.SourceError(
            f'cannot read the nodes from {url or f"the cloud {cloud}"}: '
            f'{type(exc).__name__}: {exc}'.partition('\n')[0]
        ) from exc
