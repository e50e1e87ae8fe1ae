# SPDX-License-Identifier: Apache-2.0
"""Take a snapshot of a node's fields, and restore the fields that differ."""

from collections.abc import Callable
import functools
import marshal
import operator
import pickle
from typing import Any

from oslo_versionedobjects import fields as object_fields

# A request does not change identity, time stamps and lock; traits are not
# saved with the node.
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


@functools.cache
def _readers(
    cls: Any, prefix: str
) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """Return functions that read the immutable and the mutable fields.

    :param cls: the class of the node
    :param prefix: comes before the names of the fields
    """
    plain, mutable = _kept_fields(cls)
    return (
        operator.attrgetter(*(prefix + name for name in plain)),
        operator.attrgetter(*(prefix + name for name in mutable)),
    )


def _read(node: Any) -> tuple[Any, Any]:
    """Return the values of the immutable and of the mutable fields."""
    try:
        # The attributes behind the properties: the properties are Python code
        # and would take most of the time.
        plain, mutable = _readers(node.__class__, '_obj_')
        return plain(node), mutable(node)
    except AttributeError:
        plain, mutable = _readers(node.__class__, '')
        return plain(node), mutable(node)


def _pack(values: Any) -> tuple[Callable[[bytes], Any], bytes]:
    """Copy values that may change in place.

    :param values: the values, usually of JSON types
    :returns: the function that restores the values, and its argument
    """
    try:
        # Half the time of pickle; it takes JSON's own types only.
        return marshal.loads, marshal.dumps(values)
    except ValueError:
        return pickle.loads, pickle.dumps(values, pickle.HIGHEST_PROTOCOL)


class Snapshot:
    """The fields of a node at one moment.

    Every exclusive lock takes a snapshot, and few snapshots are used. So
    taking a snapshot is fast: dictionaries, which Ironic changes in place,
    are serialized in one call. For JSON types this runs no Python code; a
    deep copy would.

    :param node: the node object, which is not kept
    """

    __slots__ = ('_mutable', '_plain', '_unpack')

    def __init__(self, node: Any) -> None:
        self._plain, mutable = _read(node)
        self._unpack, self._mutable = _pack(mutable)

    def restore(self, node: Any) -> list[str]:
        """Set the fields that differ; saving is the caller's.

        :param node: an object of the node that the snapshot was taken of
        :returns: names of the fields that were set
        """
        plain, mutable = _kept_fields(node.__class__)
        before = dict(zip(plain, self._plain, strict=True))
        values = self._unpack(self._mutable)
        before.update(zip(mutable, values, strict=True))
        changed = [
            name for name in before if getattr(node, name) != before[name]
        ]
        for name in changed:
            setattr(node, name, before[name])
        return changed
