# SPDX-License-Identifier: Apache-2.0
"""The decorator that writes the state before the main function runs."""

from typing import Any

import wrapt


def find_task(*args: Any, **kwargs: Any) -> Any:
    """Find the task among the arguments of a callback.

    :returns: the first argument that can post-process its events, or None
    """
    for arg in (*args, *kwargs.values()):
        # The class is asked, not the object: a proxy or a mock would say
        # yes to any attribute.
        if hasattr(type(arg), 'post_process_event'):
            return arg
    return None


class PostProcessed(wrapt.CallableObjectProxy):  # type: ignore[misc]
    """A callback that first post-processes the events staged on its task.

    It is what the worker runs in place of the callback: the task among the
    arguments writes its new state and announces it, then the callback runs.
    When the first part fails, the callback does not run and the error ends
    the worker's future.

    A transparent proxy, because Ironic logs the name of what it spawns, and
    because it must not matter whether that is a function, a bound method, a
    partial or a callable object.
    """

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Run in the worker."""
        find_task(*args, **kwargs).post_process_event()
        return self.__wrapped__(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        """Give a name to what has none; for the rest ask the callback.

        Partials and callable objects are nameless, but Ironic logs the name
        of what it could not run.
        """
        if name in ('__name__', '__qualname__'):
            func = getattr(self.__wrapped__, 'func', None)
            return getattr(func, name, type(self.__wrapped__).__name__)
        return getattr(self.__wrapped__, name)
