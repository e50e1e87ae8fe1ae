# SPDX-License-Identifier: Apache-2.0
"""Recognize functions of Ironic whose work is done in a shorter way.

The shorter way is right as long as a function is the one that was read when
it was written. Any other function is called.
"""

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
import functools
import hashlib
import importlib
import inspect
from typing import Any

from oslo_log import log as logging

LOG = logging.getLogger(__name__)

# Whose decorators are part of what is known.
_DECORATORS = (
    'ironic',
    'ironic_async_events',
    'oslo_concurrency',
    'oslo_versionedobjects',
)


def is_known(method: Any, fingerprints: Collection[str]) -> bool:
    """Tell whether the source of a method is a known one.

    :param method: a function, decorated or not, or a class method
    :param fingerprints: those of the sources that are known
    """
    try:
        return fingerprint(method) in fingerprints
    except (AttributeError, OSError, TypeError):
        # There is no source, or it is no function of Python.
        return False


def fingerprint(method: Any) -> str:
    """Return what changes with the source of a method.

    :param method: a function, decorated or not, or a class method
    :returns: sixteen hexadecimal digits
    :raises OSError: when the source is not there
    :raises TypeError: when it is no function of Python, or is decorated by
        somebody else
    """
    function = getattr(method, '__func__', method)
    while hasattr(function, '__wrapped__'):
        # A decorator of somebody else does more.
        package = function.__globals__['__name__'].partition('.')[0]
        if package not in _DECORATORS:
            raise TypeError(f'{method} is decorated by {package}')
        function = function.__wrapped__
    source = inspect.getsource(function)
    return hashlib.sha256(source.encode()).hexdigest()[:16]


def warn(names: Iterable[str], what: str) -> None:
    """Say that Ironic's own, longer way is taken.

    :param names: full names of the methods that are not known
    :param what: what they do
    """
    LOG.warning(
        'This Ironic has another %(names)s than the releases that the plugin '
        "knows: %(what)s Ironic's own way, which takes more statements",
        {'names': ', '.join(names), 'what': what},
    )


class Functions:
    """Functions that do something together, as the supported releases have it.

    :param what: what the functions do, for the log
    :param fingerprints: those of all releases, by the full name of a method
    """

    def __init__(
        self, what: str, fingerprints: Mapping[str, tuple[str, ...]]
    ) -> None:
        self.fingerprints = fingerprints
        self._what = what
        # The method that was seen last under a name, and whether it is known.
        self._seen: dict[str, tuple[Any, bool]] = {}

    def are_known(self) -> bool:
        """Tell whether Ironic has these functions, and none in their place.

        Cheap: a source is read when a method is seen for the first time.
        """
        return all(self._is_known(name) for name in self.fingerprints)

    def _is_known(self, full_name: str) -> bool:
        class_name, _, name = full_name.rpartition('.')
        method = vars(_class(class_name)).get(name)
        seen, answer = self._seen.get(full_name, (None, False))
        if method is None or method is not seen:
            answer = is_known(method, self.fingerprints[full_name])
            if not answer:
                warn([full_name], self._what)
            self._seen[full_name] = method, answer
        return answer


@functools.cache
def _class(full_name: str) -> Any:
    module, _, name = full_name.rpartition('.')
    return getattr(importlib.import_module(module), name)
