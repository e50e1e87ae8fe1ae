# SPDX-License-Identifier: Apache-2.0
"""Turn a notification into an immutable value, or into a reason why not.

:func:`observe` never raises: the input comes from a bus or a file and can be
anything. It reads these formats:

* plain, as oslo.messaging passes a notification to a driver: ``message_id``,
  ``publisher_id``, ``event_type``, ``priority``, ``payload``, ``timestamp``;
* the wire format of oslo.messaging: ``{"oslo.version": ...,
  "oslo.message": <the plain format, as JSON text or object>}``;
* recorded: ``{"message": <plain or wire format>, "received_at": <seconds
  since 1970>, ...}``.
"""

import datetime
import json
import sys
from typing import Any
from typing import NamedTuple

#: Longer names are malformed: a UUID has 36 characters, Ironic's column for
#: a provision state has 15.
MAX_NAME = 255
_STATUSES = frozenset(('start', 'end', 'error', 'success'))
_WHOLE_LIVES = ('create', 'delete')
_KINDS = {
    f'baremetal.node.{kind}': kind
    for kind in ('provision_set', 'provision_event', *_WHOLE_LIVES)
}
_REQUIRED = ('event', 'previous_provision_state', 'provision_state')


class Observation(NamedTuple):
    """What a notification says about a node; None is missing.

    :param message_id: the id, which repeats keep.
    :param node: the UUID of the node.
    :param kind: ``provision_set`` or ``provision_event``, ``create`` or
        ``delete``.
    :param status: ``start``, ``end``, ``error`` or ``success``.
    :param publisher: the sender, for example ``ironic-conductor.host``.
    :param time: when the notification was sent, in seconds since 1970, by the
        clock of the sender.
    :param received: when a recorder received it.
    :param created: when the node was created.
    """

    message_id: str | None
    node: str
    kind: str
    status: str
    event: str | None
    previous_state: str | None
    state: str | None
    publisher: str = ''
    time: float | None = None
    received: float | None = None
    created: str | None = None
    sequence: int | None = None
    operation_id: str | None = None

    @property
    def when(self) -> float | None:
        """Seconds since 1970: the time of receiving, else of sending."""
        return self.time if self.received is None else self.received

    def __str__(self) -> str:
        return (
            f'{self.previous_state} -{self.event}-> {self.state} '
            f'({self.status})'
        )


class Malformed(NamedTuple):
    """A message that is no notification; the reason is one clear line."""

    reason: str


class Ignored(NamedTuple):
    """A notification that the audit does not check."""

    event_type: str


#: What becomes of a message.
Seen = Observation | Malformed | Ignored


class Unreadable(Exception):
    """A message is no notification. Never leaves the package."""


def seconds(value: Any) -> float | None:
    """Parse a time as oslo.messaging, Ironic or a recorder writes it.

    :param value: ISO 8601 text, UTC without an offset, or a number of seconds
        since 1970.
    :returns: seconds since 1970, or None if the value is no time.
    """
    if isinstance(value, str):
        try:
            moment = datetime.datetime.fromisoformat(value)
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=datetime.UTC)
            return moment.timestamp()
        except (ValueError, OverflowError):
            return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        # NaN, infinity and years after 9999 are no times.
        return float(value) if 0 <= value < 253402300800 else None
    return None


def unwrap(message: Any) -> tuple[dict[str, Any], float | None]:
    """Unwrap a notification, plain, recorded or in its wire format.

    :returns: the notification, and when a recorder received it.
    :raises Unreadable: when the message holds no notification.
    """
    received = None
    # Three layers at most: recorder, envelope, notification.
    for _layer in range(3):
        if not isinstance(message, dict):
            raise Unreadable(
                f'a message is {type(message).__name__}, an object is expected'
            )
        if 'event_type' in message:
            return message, received
        if 'oslo.message' in message:
            message = message['oslo.message']
            if isinstance(message, str | bytes):
                message = _decode(message)
        elif 'message' in message:
            received = seconds(message.get('received_at'))
            message = message['message']
        else:
            break
    raise Unreadable(
        'neither a notification (no event_type) nor an envelope of one'
    )


def _decode(text: str | bytes) -> Any:
    """Parse JSON, or raise Unreadable."""
    try:
        return json.loads(text.decode() if isinstance(text, bytes) else text)
    except RecursionError:
        raise Unreadable('JSON is nested too deeply') from None
    except ValueError as exc:
        # The text of a decoding error may quote the input: use its position.
        place = getattr(exc, 'pos', None)
        where = '' if place is None else f' at character {place}'
        raise Unreadable(f'not JSON{where}') from None


def _name(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise Unreadable(
            f'{what} is {type(value).__name__}, a string is expected'
        )
    if 0 < len(value) <= MAX_NAME and value.isprintable():
        return value
    raise Unreadable(
        f'{what} is empty, unprintable or longer than {MAX_NAME} characters'
    )


def _maybe(data: dict[str, Any], key: str) -> str | None:
    value = data.get(key)
    # Observations share the objects of names that come again and again.
    return None if value is None else sys.intern(str(_name(value, key)))


def _read(message: Any) -> Observation | Ignored:
    message, received = unwrap(message)
    event_type = _name(message['event_type'], 'event_type')
    what, _dot, status = event_type.rpartition('.')
    kind = _KINDS.get(what)
    if kind is None:
        return Ignored(event_type)
    if status not in _STATUSES:
        raise Unreadable(f'the status of {event_type} is unknown')
    data = message.get('payload')
    if isinstance(data, dict):
        data = data.get('ironic_object.data', data)
    if not isinstance(data, dict):
        raise Unreadable(
            f'the payload of {event_type} is {type(data).__name__}, '
            f'an object is expected'
        )
    sequence = data.get('sequence')
    if sequence is not None and (
        not isinstance(sequence, int)
        or isinstance(sequence, bool)
        or not 0 < sequence < 1 << 63
    ):
        raise Unreadable('sequence is not a positive whole number')
    if kind not in _WHOLE_LIVES:
        for required in _REQUIRED:
            if required not in data:
                raise Unreadable(f'the payload has no {required}')
    return Observation(
        _maybe(message, 'message_id'),
        _name(data.get('uuid'), "the node's uuid"),
        kind,
        status,
        _maybe(data, 'event'),
        _maybe(data, 'previous_provision_state'),
        _maybe(data, 'provision_state'),
        _maybe(message, 'publisher_id') or '',
        seconds(message.get('timestamp')),
        received,
        _maybe(data, 'created_at'),
        sequence,
        _maybe(data, 'operation_id'),
    )


def observe(message: Any) -> Seen:
    """Turn a notification, with or without envelopes, into a value."""
    try:
        return _read(message)
    except Unreadable as exc:
        return Malformed(str(exc))


def observe_line(line: str | bytes) -> Seen:
    """Turn a line of JSON into a value, as :func:`observe` does."""
    try:
        return _read(_decode(line))
    except Unreadable as exc:
        return Malformed(str(exc))
