# SPDX-License-Identifier: Apache-2.0
"""Recognize functions of Ironic whose work is done in a shorter way.

The shorter way is right as long as a function is the one that was read when
it was written. Any other function is called.
"""

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
import hashlib
import importlib
import inspect
from typing import Any

from oslo_log import log as logging

LOG = logging.getLogger(__name__)


def is_known(method: Any, fingerprints: Collection[str]) -> bool:
    """Tell whether the source of a method is a known one.

    :param method: a function, decorated or not, or a class method
    :param fingerprints: those of the sources that are known
    """
    try:
        return fingerprint(method) in fingerprints
    except (OSError, TypeError):
        # There is no source, or it is no function of Python.
        return False


def fingerprint(method: Any) -> str:
    """Return what changes with the source of a method.

    :param method: a function, decorated or not, or a class method
    :returns: sixteen hexadecimal digits
    :raises OSError: when the source is not there
    :raises TypeError: when it is no function of Python
    """
    function = inspect.unwrap(getattr(method, '__func__', method))
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
        # The methods that were recognized, each with the attributes of its
        # class and its name; None until somebody asks.
        self._methods: list[tuple[Mapping[str, Any], str, Any]] | None = None
        self._is_known = False

    def are_known(self) -> bool:
        """Tell whether Ironic has these functions, and none in their place.

        Cheap: the sources are read once, in the thread that asks first.
        """
        if self._methods is None:
            self._recognize()
        assert self._methods is not None
        return self._is_known and all(
            attributes.get(name) is method
            for attributes, name, method in self._methods
        )

    def _recognize(self) -> None:
        methods = []
        unknown = []
        for full_name, fingerprints in self.fingerprints.items():
            class_name, _, name = full_name.rpartition('.')
            module_name, _, class_name = class_name.rpartition('.')
            module = importlib.import_module(module_name)
            attributes = vars(getattr(module, class_name))
            method = attributes.get(name)
            if is_known(method, fingerprints):
                methods.append((attributes, name, method))
            else:
                unknown.append(full_name)
        if unknown:
            warn(unknown, self._what)
        self._is_known = not unknown
        self._methods = methods
