# SPDX-License-Identifier: Apache-2.0
"""``ironic-async-events-status consumers``: who never sees a failure?"""

import argparse
import base64
from collections.abc import Sequence
import http.client
import json
import sys
from typing import Any
from urllib import parse

from ironic_async_events import redaction
from ironic_async_events.command import bindings

_SECONDS = 30.0
_SUCCESS = 0
_WARNING = 1
_FAILED = 255


class ManagementError(Exception):
    """The management interface cannot be used; the text says why."""


def _get(url: parse.SplitResult, path: str) -> Any:
    """Fetch a resource of the management interface.

    :raises ManagementError: when there is no answer, or no good one.
    """
    kind = (
        http.client.HTTPSConnection
        if url.scheme == 'https'
        else http.client.HTTPConnection
    )
    where = f'{url.hostname}:{url.port or "-"}'
    try:
        connection = kind(url.hostname or '', url.port, timeout=_SECONDS)
        user = f'{url.username or "guest"}:{url.password or "guest"}'
        token = base64.b64encode(parse.unquote(user).encode()).decode()
        connection.request(
            'GET',
            f'{url.path.rstrip("/")}/api/{path}',
            headers={'Authorization': f'Basic {token}'},
        )
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != http.client.OK:
            raise ManagementError(
                f'{where} answers {answer.status} {answer.reason}; are user '
                'and password of --url right, and may the user monitor?'
            )
        return json.loads(body)
    except (OSError, ValueError, http.client.HTTPException) as exc:
        raise ManagementError(
            f'no answer from the management interface at {where} '
            f'({type(exc).__name__}); is the plugin rabbitmq_management '
            'enabled, and is --url right?'
        ) from exc


def read(url: str, exchange: str) -> list[bindings.Queue]:
    """Read the queues that are bound to an exchange, of all virtual hosts.

    :param url: the URL of the management interface.
    :param exchange: the name of the exchange.
    :returns: the queues.
    :raises BadURL: when the URL is none.
    :raises ManagementError: when they cannot be read.
    """
    parts = redaction.web(url, '--url')
    keys: dict[tuple[str, str], set[str]] = {}
    for binding in _get(parts, 'bindings'):
        if (
            binding['source'] == exchange
            and binding['destination_type'] == 'queue'
        ):
            keys.setdefault(
                (binding['vhost'], binding['destination']), set()
            ).add(binding['routing_key'])
    consumers = {
        (queue['vhost'], queue['name']): queue.get('consumers', 0)
        for queue in _get(parts, 'queues')
    }
    return [
        bindings.Queue(host, name, frozenset(bound), consumers[host, name])
        for (host, name), bound in keys.items()
        if (host, name) in consumers
    ]


def main(argv: Sequence[str]) -> int:
    """Check the bindings, and print a line for each concern.

    :param argv: the arguments after ``consumers``.
    :returns: 0; 1 when there is a concern; 255 when nothing was checked.
    """
    parser = argparse.ArgumentParser(
        prog='ironic-async-events-status consumers',
        description='Warn of queues whose consumers never see a failure.',
    )
    parser.add_argument(
        '--url',
        required=True,
        help="RabbitMQ's management interface, for example "
        'http://user:password@host:15672',
    )
    parser.add_argument(
        '--exchange', default='ironic', help='default: %(default)s'
    )
    parser.add_argument(
        '--topic', default=bindings.TOPIC, help='default: %(default)s'
    )
    args = parser.parse_args(argv)
    try:
        queues = read(args.url, args.exchange)
    except (ManagementError, redaction.BadURL) as exc:
        print(exc, file=sys.stderr)
        return _FAILED
    found = bindings.concerns(queues, args.topic)
    for line in found:
        print(f'Warning: {line}')
    print(
        f'{len(queues)} queues are bound to exchange {args.exchange}, '
        f'{len(found)} warnings'
    )
    return _WARNING if found else _SUCCESS
