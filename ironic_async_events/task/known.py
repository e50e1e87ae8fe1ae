# SPDX-License-Identifier: Apache-2.0
"""Recognize functions of Ironic whose work is done in a shorter way.

The shorter way is right as long as a function is the one that was read when
it was written. Any other function is called.
"""

from collections.abc import Mapping
import hashlib
import importlib
import inspect
from typing import Any

from oslo_log import log as logging

LOG = logging.getLogger(__name__)


def fingerprint(function: Any) -> str:
    """Return what changes with the source of a function.

    :param function: a function, decorated or not, or a class method
    :returns: sixteen hexadecimal digits
    :raises OSError: when the source is not there
    :raises TypeError: when it is no function of Python
    """
    function = inspect.unwrap(getattr(function, '__func__', function))
    source = inspect.getsource(function)
    return hashlib.sha256(source.encode()).hexdigest()[:16]


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
            try:
                method = attributes[name]
                if fingerprint(method) not in fingerprints:
                    unknown.append(full_name)
            except (KeyError, OSError, TypeError):
                unknown.append(full_name)
            else:
                methods.append((attributes, name, method))
        if unknown:
            LOG.warning(
                'This Ironic has another %(names)s than the releases that the '
                "plugin knows: %(what)s Ironic's own way, which takes more "
                'statements',
                {'names': ', '.join(unknown), 'what': self._what},
            )
        self._is_known = not unknown
        self._methods = methods
