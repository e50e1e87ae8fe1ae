# SPDX-License-Identifier: Apache-2.0
"""The rows of the table of all that the plugin relies on.

Each row names attributes of a module and says why a room needs them. A row
that does not fit is found before anything is touched.
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

TASK_MANAGER = 'ironic.conductor.task_manager'
MANAGER = 'ironic.conductor.manager'

# Every one of them has been imported when the replacements are made.
MODULES = (TASK_MANAGER, MANAGER)

_ABSENT = object()


@dataclasses.dataclass(frozen=True)
class Target:
    """An attribute that is replaced, or called with known parameters.

    :param module: name of the module
    :param path: the attribute, dotted below the module
    :param parameters: names of its parameters, as Ironic has them
    :param why: what it is needed for
    :param wrap: makes the replacement out of the original; None where the
        attribute is only called or overridden
    :param optional: whether some supported releases do without it
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
        """Look the attribute up; its module is imported.

        :returns: its owner and the attribute; None where it is optional and
            not there
        :raises UnsupportedIronic: when it is missing or has other parameters
        """
        (name,) = self.full_names
        owner: Any = None
        attribute: Any = importlib.import_module(self.module)
        for part in self.path.split('.'):
            owner = attribute
            attribute = inspect.getattr_static(owner, part, _ABSENT)
            if attribute is _ABSENT:
                if self.optional:
                    return None
                raise _missing(name, self.why)
            if isinstance(owner, type):
                # The class that has it, not one that inherits it.
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
    """Attributes that only have to be there.

    :param module: name of the module
    :param names: the attributes, dotted below the module; the last part can
        be what the methods of a class set on its instances; empty where the
        import of the module is all
    :param why: what they are needed for
    :param optional: whether some supported releases do without them
    """

    module: str
    names: tuple[str, ...]
    why: str
    optional: bool = False

    @property
    def full_names(self) -> tuple[str, ...]:
        """Full names of the attributes, or that of the module."""
        if not self.names:
            return (self.module,)
        return tuple(f'{self.module}.{name}' for name in self.names)

    def check(self) -> None:
        """Look every attribute up; imports the module.

        :raises UnsupportedIronic: when one is missing, or the module cannot
            be imported
        """
        if self.optional:
            return
        try:
            module = importlib.import_module(self.module)
        except Exception as e:
            raise exceptions.UnsupportedIronic(
                f'{self.module} cannot be imported ({type(e).__name__}: {e}); '
                f'it is needed because {self.why}'
            ) from e
        for name in self.names:
            if not _has(module, name):
                raise _missing(f'{self.module}.{name}', self.why)


Row = Target | Need


def is_imported(row: Row) -> bool:
    """Tell whether a row can be checked without an import.

    :param row: the row
    """
    return row.module in sys.modules


def _missing(name: str, why: str) -> exceptions.UnsupportedIronic:
    return exceptions.UnsupportedIronic(
        f'this Ironic has no {name}, which is needed because {why}'
    )


def _has(owner: Any, path: str) -> bool:
    name, _, rest = path.partition('.')
    # Static: nothing of a descriptor is run.
    attribute = inspect.getattr_static(owner, name, _ABSENT)
    if attribute is _ABSENT:
        return not rest and isinstance(owner, type) and name in assigned(owner)
    return not rest or _has(attribute, rest)


def assigned(cls: type[Any]) -> set[str]:
    """Return the names that methods of a class assign.

    What ``__init__`` sets on an instance cannot be looked up on the class.

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
