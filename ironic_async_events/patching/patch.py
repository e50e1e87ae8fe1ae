# SPDX-License-Identifier: Apache-2.0
"""Replace an attribute, reversibly."""

from collections.abc import Callable
import functools
from typing import Any

_ABSENT = object()


def replace(owner: Any, name: str, value: Any) -> Callable[[], None]:
    """Set an attribute and return the undo.

    :param owner: a module or a class
    :param name: name of the attribute; the owner may inherit or lack it
    """
    # Not getattr(): it would bind a method, or return an inherited attribute.
    original = vars(owner).get(name, _ABSENT)
    setattr(owner, name, value)
    return functools.partial(_restore, owner, name, original)


def _restore(owner: Any, name: str, original: Any) -> None:
    if original is _ABSENT:
        delattr(owner, name)
    else:
        setattr(owner, name, original)
