# SPDX-License-Identifier: Apache-2.0
"""Unwrap a notification from its envelopes."""

from collections.abc import Mapping
import datetime
import json
from typing import Any

_DECODER = json.JSONDecoder()
#: A longer text is not read as a time.
_LONGEST = 64
#: The types of a JSON object; the check for dict is fast.
OBJECT = (dict, Mapping)


class Unreadable(Exception):
    """A message is no notification. Never leaves the package."""


def seconds(value: Any) -> float | None:
    """Parse a time as oslo.messaging, Ironic or a recorder writes it.

    :param value: ISO 8601 text, UTC without an offset, or a number of seconds
        since 1970.
    :returns: seconds since 1970, or None if the value is no time.
    """
    if isinstance(value, str) and len(value) <= _LONGEST:
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


def unwrap(message: Any) -> tuple[Mapping[str, Any], float | None]:
    """Unwrap a notification, plain, recorded or in its wire format.

    :returns: the notification, and when a recorder received it.
    :raises Unreadable: when the message holds no notification.
    """
    received = None
    # Three layers at most: recorder, envelope, notification.
    for _layer in range(3):
        if not isinstance(message, OBJECT):
            raise Unreadable(
                f'a message is {type(message).__name__}, an object is expected'
            )
        if 'event_type' in message:
            return message, received
        if 'oslo.message' in message:
            message = message['oslo.message']
            if isinstance(message, str | bytes):
                message = decode(message)
        elif 'message' in message:
            received = seconds(message.get('received_at'))
            message = message['message']
        else:
            break
    raise Unreadable(
        'neither a notification (no event_type) nor an envelope of one'
    )


def decode(text: str | bytes) -> Any:
    """Parse JSON.

    :raises Unreadable: when the text is not JSON.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode()
        # Most lines hold an object only: this saves a sixth of the time.
        if text.startswith('{'):
            value, end = _DECODER.raw_decode(text)
            if end == len(text) or text[end:].isspace():
                return value
        return json.loads(text)
    except RecursionError:
        raise Unreadable('JSON is nested too deeply') from None
    except ValueError as exc:
        # The text of a decoding error may quote the input: use its position.
        place = getattr(exc, 'pos', None)
        where = '' if place is None else f' at character {place}'
        raise Unreadable(f'not JSON{where}') from None
