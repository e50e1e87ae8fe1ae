# SPDX-License-Identifier: Apache-2.0
"""Choose native or green threads before anything of Ironic is imported."""

from collections.abc import Iterator
import contextlib
import importlib
import warnings

# Ironic's commands choose the service backend when they are imported: native
# threads in Ironic 32 and later, eventlet in the releases before it.
_NATIVE = 'ironic.command'
_GREEN = 'ironic.cmd'


@contextlib.contextmanager
def native() -> Iterator[None]:
    """Keep eventlet's warning off the terminal where nobody uses eventlet.

    futurist imports eventlet, which warns of its end, only to know whether it
    is installed. Whatever else warns is heard.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings(
            'ignore', r'\s*Eventlet is deprecated', module='futurist'
        )
        yield


def as_ironic() -> bool:
    """Choose the threads of the Ironic that is installed.

    :returns: whether there is an Ironic
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
    """Keep oslo.service, which oslo.messaging imports, from eventlet."""
    with contextlib.suppress(Exception), native():
        # Older releases have no choice; a choice that was made stays.
        from oslo_service import backend

        backend.init_backend(backend.BackendType.THREADING)
