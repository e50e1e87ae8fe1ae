# SPDX-License-Identifier: Apache-2.0
"""Wrap a callback: the worker saves the state before the callback runs."""

from typing import Any

import wrapt

from ironic_async_events.task import database


def find_task(*args: Any, **kwargs: Any) -> Any:
    """Find the task among the arguments of a callback.

    :returns: the first argument that can post-process its events, or None
    """
    for arg in (*args, *kwargs.values()):
        # The class, not the object: a proxy or a mock has any attribute.
        if hasattr(type(arg), 'post_process_event'):
            return arg
    return None


class PostProcessed(wrapt.CallableObjectProxy):  # type: ignore[misc]
    """A callback that first post-processes the events staged on its task.

    The worker runs this proxy. The task among the arguments saves and
    announces its staged events, then the callback runs. When
    post-processing fails, the callback does not run, and the error ends the
    future of the worker.

    The proxy is transparent, because Ironic logs the name of the callback. The
    callback can be a function, a bound method, a partial or a callable object.
    """

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Run in the worker."""
        find_task(*args, **kwargs).post_process_event()
        with database.operation():
            return self.__wrapped__(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the callback, or a name if it has none.

        Partials and callable objects have no name, but Ironic logs the name
        of a callback that it could not run.
        """
        if name in ('__name__', '__qualname__'):
            func = getattr(self.__wrapped__, 'func', None)
            return getattr(func, name, type(self.__wrapped__).__name__)
        return getattr(self.__wrapped__, name)
