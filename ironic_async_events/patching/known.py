# SPDX-License-Identifier: Apache-2.0
"""Recognize functions of Ironic whose work is done in a shorter way.

The shorter way is right as long as a function is the one that was read when
it was written. Any other function is called.
"""

from collections.abc import Mapping
import functools
import hashlib
import inspect
import pkgutil
import types
from typing import Any

from oslo_db.sqlalchemy import orm as oslo_orm
from oslo_log import log as logging
import sqlalchemy as sa

LOG = logging.getLogger(__name__)

# Whose decorators are part of what is known.
_DECORATORS = (
    'ironic',
    'ironic_async_events',
    'oslo_concurrency',
    'oslo_versionedobjects',
)
_METHODS = (classmethod, staticmethod, types.MethodType)

READING = {
    'ironic.objects.node.Node._set_from_db_object': (
        'ddba308bb001a202',  # 39.0 and later
        'e62cb4977f9eba81',
    ),
    'ironic.objects.node.Node._from_db_object': ('133cbb0383b2f458',),
    'ironic.objects.base.IronicObject._set_from_db_object': (
        '56f94f7d4c1b870a',
    ),
}
"""The functions that make an object of a row, for :class:`Functions`."""


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
        """Tell whether Ironic has these functions, and nothing beside them.

        Cheap: a source is read when a method is seen for the first time.
        """
        return not _is_listened_to() and all(
            self._is_known(name) for name in self.fingerprints
        )

    def _is_known(self, full_name: str) -> bool:
        owner, _, name = full_name.rpartition('.')
        method = inspect.getattr_static(_class(owner), name, None)
        seen, answer = self._seen.get(full_name, (None, False))
        if method is None or method is not seen:
            answer = self.is_known(full_name, method)
            self._seen[full_name] = method, answer
        return answer

    def is_known(self, full_name: str, method: Any) -> bool:
        """Tell whether the source of a method is a known one; else warn."""
        try:
            if fingerprint(method) in self.fingerprints[full_name]:
                return True
        except (AttributeError, OSError, TypeError):
            pass  # There is no source, or it is no function of Python.
        LOG.warning(
            'This Ironic has another %(name)s than the releases that the '
            "plugin knows: %(what)s Ironic's own way, which takes more "
            'statements',
            {'name': full_name, 'what': self._what},
        )
        return False


def fingerprint(method: Any) -> str:
    """Return what changes with the source of a method: sixteen digits.

    :param method: a function, decorated or not, or a class method
    :raises TypeError: when it is no function of Python, or is decorated by
        somebody else
    """
    function = method.__func__ if type(method) in _METHODS else method
    while True:
        if type(function) is not types.FunctionType:
            # The proxy of a tracing agent has every attribute of a function.
            raise TypeError(f'{method} is no plain function')
        if not hasattr(function, '__wrapped__'):
            break
        # A decorator of somebody else does more.
        package = function.__globals__['__name__'].partition('.')[0]
        if package not in _DECORATORS:
            raise TypeError(f'{method} is decorated by {package}')
        function = function.__wrapped__
    source = inspect.getsource(function)
    return hashlib.sha256(source.encode()).hexdigest()[:16]


_class = functools.cache(pkgutil.resolve_name)


def _is_listened_to() -> bool:
    """Tell whether somebody listens to the ORM, which the short way avoids."""
    mappers, session = _listened()
    return any(
        mapper.dispatch.before_update
        or mapper.dispatch.after_update
        or mapper.class_manager.dispatch.load
        or mapper.class_manager.dispatch.refresh
        for mapper in mappers
    ) or any(
        (
            session.dispatch.before_flush,
            session.dispatch.after_flush,
            session.dispatch.after_bulk_update,
            session.dispatch.do_orm_execute,
        )
    )


@functools.cache
def _listened() -> tuple[tuple[Any, Any], Any]:
    from ironic.db.sqlalchemy import models

    mappers = sa.inspect(models.NodeBase), sa.inspect(models.Node)
    # Never used: it has the listeners of its class.
    return mappers, oslo_orm.Session()
