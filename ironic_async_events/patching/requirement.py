# SPDX-License-Identifier: Apache-2.0
"""A requirement names attributes that the plugin replaces, or uses in private.

All requirements are checked before the first attribute is replaced.
"""

import dataclasses
import functools
import importlib
import inspect
import pkgutil
import types
from typing import Any

from ironic_async_events import exceptions
from ironic_async_events import redaction

TASK_MANAGER = 'ironic.conductor.task_manager'
MANAGER = 'ironic.conductor.manager'
INIT_HOST = (
    'ConductorManager.init_host(self, admin_context, start_consoles, '
    'start_allocations)'
)

# Attributes are replaced when all of these modules have been imported.
MODULES = (TASK_MANAGER, MANAGER)

_PACKAGE = __package__.partition('.')[0]
_ABSENT = object()


@dataclasses.dataclass(frozen=True)
class Requirement:
    """Attributes of a module of Ironic or of its libraries.

    :param names: the attributes, separated by semicolons; the last part can be
        an attribute that methods of a class use. What is replaced or
        overridden has its parameters: ``TaskManager._lock(self)``
    :param wrap: ``module:function`` below this package, which returns the
        replacement; None for what is overridden or used
    :param optional: whether some supported releases lack the attribute
    """

    module: str
    names: str
    why: str
    wrap: str | None = None
    optional: bool = False

    @property
    def full_names(self) -> tuple[str, ...]:
        return tuple(
            f'{self.module}.{name.partition("(")[0]}'
            for name in self.names.split('; ')
        )

    def check(self) -> None:
        """Look all attributes up; imports the module.

        :raises UnsupportedIronic: when one is missing or has changed
        """
        for name in self.names.split('; '):
            self._find(name)

    def place(self) -> tuple[Any, str] | None:
        """Return owner and name of what is replaced, if it is there."""
        owner = self._find(self.names) if self.wrap else None
        return owner and (owner, self.full_names[0].rpartition('.')[2])

    def replacement(self, original: Any) -> Any:
        return pkgutil.resolve_name(f'{_PACKAGE}.{self.wrap}')(original)

    def _find(self, wanted: str) -> Any:
        """Return the owner of an attribute, the class that defines it."""
        path, _, parameters = wanted.rstrip(')').partition('(')
        owner: Any = None
        try:
            attribute: Any = importlib.import_module(self.module)
        except Exception as e:
            raise exceptions.UnsupportedIronic(
                f'{self.module} cannot be imported ({type(e).__name__}: '
                f'{redaction.line(e)}); it is needed because {self.why}'
            ) from e
        for name in path.split('.'):
            owner = attribute
            # Static: no descriptor is called.
            attribute = inspect.getattr_static(owner, name, _ABSENT)
            if attribute is _ABSENT:
                if self.optional or _uses(owner, name):
                    return None
                raise exceptions.UnsupportedIronic(
                    f'this Ironic has no {self.module}.{path}, which is '
                    f'needed because {self.why}'
                )
            if isinstance(owner, type):
                owner = next(c for c in owner.__mro__ if name in vars(c))
        if parameters:
            # A class method cannot be called before it is bound.
            function = getattr(attribute, '__func__', attribute)
            found = ', '.join(inspect.signature(function).parameters)
            if found != parameters:
                raise exceptions.UnsupportedIronic(
                    f'{self.module}.{path} of this Ironic takes ({found}), '
                    f'not ({parameters}); it is needed because {self.why}'
                )
        return owner


in_node = functools.partial(Requirement, 'ironic.objects.node')
in_manager = functools.partial(Requirement, MANAGER)
in_task_manager = functools.partial(Requirement, TASK_MANAGER)


def _uses(owner: Any, name: str) -> bool:
    """Tell whether methods of a class use an attribute.

    An attribute that ``__init__`` sets cannot be looked up on the class.
    """
    return isinstance(owner, type) and any(
        name in inspect.unwrap(method).__code__.co_names
        for cls in owner.__mro__
        for method in vars(cls).values()
        if isinstance(method, types.FunctionType)
    )
