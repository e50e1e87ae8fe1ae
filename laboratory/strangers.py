# SPDX-License-Identifier: Apache-2.0
"""What somebody else puts around functions of Ironic.

It stands here because a wrapper that is defined in the plugin's own package
is taken for one of the plugin's.
"""

from collections.abc import Callable
import functools
import types
from typing import Any

import wrapt


def proxy(function: Any, note: Callable[[], None]) -> Any:
    """Wrap as OpenTelemetry does."""

    def wrapper(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        note()
        return wrapped(*args, **kwargs)

    return wrapt.FunctionWrapper(function, wrapper)


def closure(function: Any, note: Callable[[], None]) -> Any:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        note()
        return function(*args, **kwargs)

    return wrapper


class CallableObject:
    """A callable object in the place of a method."""

    def __init__(self, function: Any, note: Callable[[], None]) -> None:
        functools.update_wrapper(self, function)
        self._function, self._note = function, note

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._note()
        return self._function(*args, **kwargs)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)


KINDS = proxy, closure, CallableObject
