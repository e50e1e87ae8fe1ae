# SPDX-License-Identifier: Apache-2.0
"""``ironic-async-events-status consumers``: who never sees a failure?

Ironic announces a failure with priority ERROR. oslo.messaging gives each
priority a routing key of its own: ``<topic>.info``, ``<topic>.error``.
"""

import argparse
import base64
import collections
from collections.abc import Sequence
import http.client
import json
import re
import sys
from typing import Any
from typing import NamedTuple
from urllib import error
from urllib import parse
from urllib import request

from ironic_async_events import redaction

TOPIC = 'ironic_versioned_notifications'
_SECONDS = 30.0


class ManagementError(Exception):
    """The management interface cannot be used; the text says why."""


class Queue(NamedTuple):
    """A queue of a virtual host that is bound with routing keys."""

    host: str
    name: str
    keys: frozenset[str]
    consumers: int


def matches(pattern: str, key: str) -> bool:
    """Return whether a topic exchange routes a key to a binding.

    In the key of a binding ``*`` is any word, ``#`` any number of words.
    """
    wild = {'*': r'\.[^.]*', '#': r'(\.[^.]*)*'}
    words = pattern.split('.')
    regex = ''.join(wild.get(x) or re.escape(f'.{x}') for x in words)
    return re.fullmatch(regex, f'.{key}') is not None


def concerns(queues: Sequence[Queue], topic: str = TOPIC) -> list[str]:
    """Return a line for each queue that gets ``.info`` and not ``.error``.

    The queues ``<topic>.info`` and ``<topic>.error`` are those of
    oslo.messaging: a sender creates them, each for one priority. A consumer
    of the first should read the second as well.
    """
    info, failed = f'{topic}.info', f'{topic}.error'
    read = {(each.host, each.name) for each in queues if each.consumers}
    lines = []
    for host, name, keys, consumers in sorted(queues):
        gets_info, gets_failed = (
            any(matches(pattern, key) for pattern in keys)
            for key in (info, failed)
        )
        if not gets_info or gets_failed:
            continue
        where = f'queue {name} (virtual host {host})'
        if name != info:
            lines.append(
                f'{where} gets {info} and not {failed}: its consumer never '
                f'sees a failure. Bind it to {topic}.*'
            )
        elif consumers and (host, failed) not in read:
            lines.append(
                f'{where} has a consumer, and {failed} has none: the consumer '
                'never sees a failure. Give it a queue of its own that is '
                f'bound to {topic}.*'
            )
    return lines


def _get(url: parse.SplitResult, path: str) -> Any:
    """Fetch a resource of the management interface.

    :raises ManagementError: when there is no answer, or no good one.
    """
    where = f'{url.hostname}:{url.port or "-"}'
    user = f'{url.username or "guest"}:{url.password or "guest"}'
    token = base64.b64encode(parse.unquote(user).encode()).decode()
    place = url.netloc.rpartition('@')[2] + url.path.rstrip('/')
    # redaction.web has checked the scheme.
    query = request.Request(f'{url.scheme}://{place}/api/{path}')  # noqa: S310
    query.add_unredirected_header('Authorization', f'Basic {token}')
    # Not through the proxy of the environment.
    opener = request.build_opener(request.ProxyHandler({}))
    try:
        with opener.open(query, timeout=_SECONDS) as answer:
            return json.load(answer)
    except error.HTTPError as exc:
        raise ManagementError(
            f'{where} answers {exc.code} {exc.reason}; are user and password '
            'of --url right, and may the user monitor?'
        ) from exc
    except (OSError, ValueError, http.client.HTTPException) as exc:
        raise ManagementError(
            f'no answer from the management interface at {where} '
            f'({type(exc).__name__}); is the plugin rabbitmq_management '
            'enabled, and is --url right?'
        ) from exc


def read(url: str, exchange: str) -> list[Queue]:
    """Read the queues that are bound to an exchange, of all virtual hosts.

    :raises BadURL: when the URL is none.
    :raises ManagementError: when they cannot be read.
    """
    parts = redaction.web(url, '--url')
    keys = collections.defaultdict[tuple[str, str], set[str]](set)
    for each in _get(parts, 'bindings'):
        if each['source'] == exchange and each['destination_type'] == 'queue':
            place = each['vhost'], each['destination']
            keys[place].add(each['routing_key'])
    return [
        Queue(*place, frozenset(keys[place]), queue.get('consumers', 0))
        for queue in _get(parts, 'queues')
        if (place := (queue['vhost'], queue['name'])) in keys
    ]


def main(argv: Sequence[str]) -> int:
    """Check the bindings, and print a line for each concern.

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
    parser.add_argument('--topic', default=TOPIC, help='default: %(default)s')
    args = parser.parse_args(argv)
    try:
        queues = read(args.url, args.exchange)
    except (ManagementError, redaction.BadURL) as exc:
        print(exc, file=sys.stderr)
        return 255
    found = concerns(queues, args.topic)
    for line in found:
        print(f'Warning: {line}')
    print(
        f'{len(queues)} queues are bound to exchange {args.exchange}, '
        f'{len(found)} warnings'
    )
    return 1 if found else 0
