# SPDX-License-Identifier: Apache-2.0
"""Choose native or green threads before a module of Ironic is imported."""

from collections.abc import Iterator
import contextlib
import importlib
import importlib.util
import warnings

# Importing Ironic's commands chooses the service backend: native threads from
# Ironic 32 on, eventlet in earlier releases.
_NATIVE = 'ironic.command'
_GREEN = 'ironic.cmd'


@contextlib.contextmanager
def native() -> Iterator[None]:
    """Hide eventlet's deprecation warning where eventlet is not used.

    futurist imports eventlet only to check whether eventlet is installed. All
    other warnings are shown.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings(
            'ignore', r'\s*Eventlet is deprecated', module='futurist'
        )
        yield


def as_ironic() -> bool:
    """Choose the threads of the installed Ironic.

    :returns: whether Ironic is installed
    """
    for name, quiet in (
        (_NATIVE, native()),
        (_GREEN, contextlib.nullcontext()),
    ):
        try:
            with quiet:
                importlib.import_module(name)
            return True
        except ModuleNotFoundError as e:
            if e.name not in (name, 'ironic'):
                raise
    return False


def choose_native() -> None:
    """Make oslo.service, which oslo.messaging imports, use native threads."""
    if importlib.util.find_spec('cotyledon') is None:
        # oslo.service needs it for native threads, and would log an error.
        return
    with contextlib.suppress(Exception), native():
        # Older releases have no choice; an earlier choice stays.
        from oslo_service import backend

        backend.init_backend(backend.BackendType.THREADING)
