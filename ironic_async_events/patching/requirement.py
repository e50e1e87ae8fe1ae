# SPDX-License-Identifier: Apache-2.0
"""A requirement names attributes that the plugin replaces, or uses in private.

All requirements are checked before the first attribute is replaced.
"""

import dataclasses
import dis
import importlib
import inspect
import pkgutil
import sys
import types
from typing import Any

from ironic_async_events import exceptions
from ironic_async_events import redaction

TASK_MANAGER = 'ironic.conductor.task_manager'
MANAGER = 'ironic.conductor.manager'

# Attributes are replaced when all of these modules have been imported.
MODULES = (TASK_MANAGER, MANAGER)

_PACKAGE = __package__.partition('.')[0]
_ABSENT = object()


@dataclasses.dataclass(frozen=True)
class Requirement:
    """Attributes of a module of Ironic or of its libraries.

    :param module: name of the module
    :param names: the attributes, dotted below the module and separated by
        spaces; the last part can be an attribute that methods of a class
        assign. An attribute that is replaced or overridden is a single one,
        with the names of its parameters: ``TaskManager._lock(self)``
    :param why: the reason for this requirement
    :param wrap: ``module:function`` below this package, which returns the
        replacement of the original; None for what is overridden or used
    :param optional: whether some supported releases lack the attribute
    """

    module: str
    names: str
    why: str
    wrap: str | None = None
    optional: bool = False

    @property
    def full_names(self) -> tuple[str, ...]:
        """Full names of the attributes."""
        return tuple(f'{self.module}.{name}' for name in self._paths)

    @property
    def _paths(self) -> list[str]:
        return self.names.partition('(')[0].split()

    @property
    def is_imported(self) -> bool:
        """Whether the module is imported already."""
        return self.module in sys.modules

    def check(self) -> None:
        """Look all attributes up; imports the module.

        :raises UnsupportedIronic: when an attribute is missing or has other
            parameters, or the module cannot be imported
        """
        for path in self._paths:
            self._find(path)

    def place(self) -> tuple[Any, str] | None:
        """Return the owner and the name of the attribute that is replaced.

        :returns: None when an optional attribute is missing, or nothing is
            to be replaced
        :raises UnsupportedIronic: see :meth:`check`
        """
        path = self._paths[0]
        owner = self._find(path) if self.wrap else None
        return owner and (owner, path.rpartition('.')[2])

    def replacement(self, original: Any) -> Any:
        """Return what takes the place of an attribute."""
        return pkgutil.resolve_name(f'{_PACKAGE}.{self.wrap}')(original)

    def _find(self, path: str) -> Any:
        """Return the owner of an attribute, the class that defines it."""
        owner: Any = None
        attribute: Any = self._module()
        for name in path.split('.'):
            owner = attribute
            # Static: no descriptor is called.
            attribute = inspect.getattr_static(owner, name, _ABSENT)
            if attribute is _ABSENT:
                if self.optional or name in _assigned(owner):
                    return None
                raise exceptions.UnsupportedIronic(
                    f'this Ironic has no {self.module}.{path}, which is '
                    f'needed because {self.why}'
                )
            if isinstance(owner, type):
                owner = next(c for c in owner.__mro__ if name in vars(c))
        if '(' in self.names:
            # A class method cannot be called before it is bound.
            function = getattr(attribute, '__func__', attribute)
            found = ', '.join(inspect.signature(function).parameters)
            wanted = self.names.partition('(')[2].rstrip(')')
            if found != wanted:
                raise exceptions.UnsupportedIronic(
                    f'{self.module}.{path} of this Ironic takes ({found}), '
                    f'not ({wanted}); it is needed because {self.why}'
                )
        return owner

    def _module(self) -> types.ModuleType:
        try:
            return importlib.import_module(self.module)
        except Exception as e:
            raise exceptions.UnsupportedIronic(
                f'{self.module} cannot be imported ({type(e).__name__}: '
                f'{redaction.line(e)}); it is needed because {self.why}'
            ) from e


def _assigned(owner: Any) -> set[str]:
    """Return the names that methods of a class assign.

    An attribute that ``__init__`` sets cannot be looked up on the class.
    """
    return {
        str(instruction.argval)
        for cls in (owner.__mro__ if isinstance(owner, type) else ())
        for method in vars(cls).values()
        if isinstance(method, types.FunctionType)
        for instruction in dis.get_instructions(inspect.unwrap(method))
        if instruction.opname == 'STORE_ATTR'
    }
