# SPDX-License-Identifier: Apache-2.0
"""A notification as the database stores it; a value."""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
from typing import Any

from oslo_serialization import jsonutils

# What is encoded, and as what it is decoded.
_PARTS = {'topics': list, 'context': dict, 'body': dict, 'priority': str}


class Unreadable(ValueError):
    """The stored text is no message."""


@dataclasses.dataclass(frozen=True, slots=True)
class Message:
    """The arguments of a notification driver, as a value."""

    topics: Sequence[str]
    context: Mapping[str, Any]
    body: Mapping[str, Any]
    priority: str

    @property
    def id(self) -> str:
        """The id; repeats keep their ``message_id``."""
        return str(self.body['message_id'])

    @property
    def subject(self) -> str:
        """What the message is about: a node, or only itself."""
        payload = self.body.get('payload')
        event_type = str(self.body.get('event_type'))
        if event_type.startswith('baremetal.node.') and isinstance(
            payload, Mapping
        ):
            data = payload.get('ironic_object.data', payload)
            if isinstance(data, Mapping):
                uuid = data.get('uuid') or data.get('node_uuid')
                if isinstance(uuid, str) and 0 < len(uuid) <= 64:
                    return uuid
        return self.id

    @property
    def destination(self) -> str:
        """Priority and topics, which say where the bus takes the message."""
        return ' '.join((self.priority.lower(), *self.topics))[:128]

    def encode(self) -> str:
        """Return the message as ASCII text.

        :raises TypeError: when a part is no JSON; or a ``ValueError``
        """
        return str(
            jsonutils.dumps({name: getattr(self, name) for name in _PARTS})
        )

    @classmethod
    def decode(cls, text: str) -> 'Message':
        """Decode what :meth:`encode` returned.

        :raises Unreadable: when the text is something else
        """
        try:
            stored = jsonutils.loads(text)
            parts = {name: stored[name] for name in _PARTS}
        except (KeyError, RecursionError, TypeError, ValueError) as e:
            raise Unreadable(f'not a stored message: {e!r}') from e
        if not (
            all(isinstance(parts[name], _PARTS[name]) for name in _PARTS)
            and all(isinstance(topic, str) for topic in parts['topics'])
        ):
            raise Unreadable('not a stored message: a part has another type')
        return cls(**parts)
