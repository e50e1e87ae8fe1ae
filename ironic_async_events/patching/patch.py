# SPDX-License-Identifier: Apache-2.0
"""One reversible replacement of an attribute."""

from collections.abc import Callable
import functools
from typing import Any

_ABSENT = object()


def replace(owner: Any, name: str, value: Any) -> Callable[[], None]:
    """Set an attribute and return what undoes it.

    :param owner: a module or a class
    :param name: name of the attribute; the owner itself need not have it
    :param value: what takes its place
    :returns: a callable that puts back the very object that was there
    """
    # vars(), because getattr() would bind or inherit what it returns.
    original = vars(owner).get(name, _ABSENT)
    setattr(owner, name, value)
    return functools.partial(_restore, owner, name, original)


def _restore(owner: Any, name: str, original: Any) -> None:
    if original is _ABSENT:
        delattr(owner, name)
    else:
        setattr(owner, name, original)
