# SPDX-License-Identifier: Apache-2.0
"""The fields of a node at one moment, cheap to take, rarely needed."""

import functools
import operator
import pickle
from typing import Any

from oslo_versionedobjects import fields as object_fields

# Not a request's doing: identity and book-keeping of the database, the lock,
# and traits, which are not saved with the node.
_NOT_KEPT = frozenset(
    ('id', 'uuid', 'created_at', 'updated_at', 'reservation', 'traits')
)

_IMMUTABLE = (
    object_fields.BooleanField,
    object_fields.DateTimeField,
    object_fields.FloatField,
    object_fields.IntegerField,
    object_fields.StringField,
    object_fields.UUIDField,
)


@functools.cache
def _kept_fields(cls: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the immutable and of the mutable fields."""
    plain: list[str] = []
    mutable: list[str] = []
    for name, field in cls.fields.items():
        if name not in _NOT_KEPT:
            kind = plain if isinstance(field, _IMMUTABLE) else mutable
            kind.append(name)
    return tuple(plain), tuple(mutable)


class Snapshot:
    """What the fields of a node were.

    It is taken under every exclusive lock and nearly always thrown away, so
    it is made for being taken: dictionaries, which Ironic changes in place,
    are pickled in one go (pickling does not visit Python code for what JSON
    can hold, a deep copy does).

    :param node: the node object; it is not kept
    """

    __slots__ = ('_mutable', '_plain')

    def __init__(self, node: Any) -> None:
        plain, mutable = _kept_fields(node.__class__)
        self._plain = operator.attrgetter(*plain)(node)
        self._mutable = pickle.dumps(
            operator.attrgetter(*mutable)(node), pickle.HIGHEST_PROTOCOL
        )

    def restore(self, node: Any) -> list[str]:
        """Set the fields that differ; saving is the caller's.

        :param node: an object of the node that the snapshot was taken of
        :returns: names of the fields that were set
        """
        plain, mutable = _kept_fields(node.__class__)
        before = dict(zip(plain, self._plain, strict=True))
        values = pickle.loads(self._mutable)  # noqa: S301, pickled above
        before.update(zip(mutable, values, strict=True))
        changed = [
            name for name in before if getattr(node, name) != before[name]
        ]
        for name in changed:
            setattr(node, name, before[name])
        return changed
