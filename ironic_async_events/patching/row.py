# SPDX-License-Identifier: Apache-2.0
"""A row names attributes that the plugin relies on, and the reason.

All rows are checked before the first attribute is replaced.
"""

from collections.abc import Callable
import dataclasses
import dis
import importlib
import inspect
import sys
import types
from typing import Any

from ironic_async_events import exceptions
from ironic_async_events import redaction

TASK_MANAGER = 'ironic.conductor.task_manager'
MANAGER = 'ironic.conductor.manager'

# Attributes are replaced when all of these modules have been imported.
MODULES = (TASK_MANAGER, MANAGER)

_ABSENT = object()


@dataclasses.dataclass(frozen=True)
class Target:
    """An attribute that is replaced, overridden or called.

    :param module: name of the module
    :param path: the attribute, dotted below the module
    :param parameters: names of the parameters, as in Ironic
    :param why: the reason for this row
    :param wrap: returns the replacement of the original; None for an
        attribute that is only called or overridden
    :param optional: whether some supported releases lack the attribute
    """

    module: str
    path: str
    parameters: tuple[str, ...]
    why: str
    wrap: Callable[[Any], Any] | None = None
    optional: bool = False

    @property
    def full_names(self) -> tuple[str, ...]:
        """Full name of the attribute."""
        return (f'{self.module}.{self.path}',)

    @property
    def attribute(self) -> str:
        """Name of the attribute in its owner."""
        return self.path.rpartition('.')[2]

    def check(self) -> None:
        """See :meth:`find`."""
        self.find()

    def find(self) -> tuple[Any, Any] | None:
        """Look the attribute up; imports its module.

        :returns: owner and attribute; None when an optional attribute is
            missing
        :raises UnsupportedIronic: when the attribute is missing or has other
            parameters, or the module cannot be imported
        """
        (name,) = self.full_names
        owner: Any = None
        attribute: Any = _module(self)
        for part in self.path.split('.'):
            owner = attribute
            attribute = inspect.getattr_static(owner, part, _ABSENT)
            if attribute is _ABSENT:
                if self.optional:
                    return None
                raise _missing(name, self.why)
            if isinstance(owner, type):
                # The class that defines the attribute.
                owner = next(c for c in owner.__mro__ if part in vars(c))
        # A class method cannot be called before it is bound.
        function = getattr(attribute, '__func__', attribute)
        parameters = tuple(inspect.signature(function).parameters)
        if parameters != self.parameters:
            raise exceptions.UnsupportedIronic(
                f'{name} of this Ironic takes ({", ".join(parameters)}), not '
                f'({", ".join(self.parameters)}); it is needed because '
                f'{self.why}'
            )
        return owner, attribute


@dataclasses.dataclass(frozen=True)
class Need:
    """Attributes that have to exist.

    :param module: name of the module
    :param names: the attributes, dotted below the module; the last part can
        be an attribute that methods of a class assign; empty when only the
        import of the module is needed
    :param why: the reason for this row
    :param optional: whether some supported releases lack the attributes
    """

    module: str
    names: tuple[str, ...]
    why: str
    optional: bool = False

    @property
    def full_names(self) -> tuple[str, ...]:
        """Full names of the attributes; without names, that of the module."""
        if not self.names:
            return (self.module,)
        return tuple(f'{self.module}.{name}' for name in self.names)

    def check(self) -> None:
        """Look all attributes up; imports the module.

        :raises UnsupportedIronic: when an attribute is missing, or the module
            cannot be imported
        """
        if self.optional:
            return
        module = _module(self)
        for name in self.names:
            if not _has(module, name):
                raise _missing(f'{self.module}.{name}', self.why)


Row = Target | Need


def is_imported(row: Row) -> bool:
    """Return whether the module of a row is imported already.

    :param row: the row
    """
    return row.module in sys.modules


def _module(row: Row) -> types.ModuleType:
    try:
        return importlib.import_module(row.module)
    except Exception as e:
        raise exceptions.UnsupportedIronic(
            f'{row.module} cannot be imported ({type(e).__name__}: '
            f'{redaction.line(e)}); it is needed because {row.why}'
        ) from e


def _missing(name: str, why: str) -> exceptions.UnsupportedIronic:
    return exceptions.UnsupportedIronic(
        f'this Ironic has no {name}, which is needed because {why}'
    )


def _has(owner: Any, path: str) -> bool:
    name, _, rest = path.partition('.')
    # Static: no descriptor is called.
    attribute = inspect.getattr_static(owner, name, _ABSENT)
    if attribute is _ABSENT:
        return not rest and isinstance(owner, type) and name in assigned(owner)
    return not rest or _has(attribute, rest)


def assigned(cls: type[Any]) -> set[str]:
    """Return the names that methods of a class assign.

    An attribute that ``__init__`` sets cannot be looked up on the class.

    :param cls: the class
    """
    return {
        str(instruction.argval)
        for owner in cls.__mro__
        for method in vars(owner).values()
        if isinstance(method, types.FunctionType)
        for instruction in dis.get_instructions(inspect.unwrap(method))
        if instruction.opname == 'STORE_ATTR'
    }
