# SPDX-License-Identifier: Apache-2.0
"""What the commands share that need Ironic: threads, options, database."""

from collections.abc import Iterator
from collections.abc import Sequence
import contextlib
import importlib
import importlib.util
import sys
from typing import Any
import warnings

from oslo_config import cfg
from oslo_log import log as logging

from ironic_async_events import conf as async_conf
from ironic_async_events import exceptions
from ironic_async_events import redaction

CONF = cfg.CONF


@contextlib.contextmanager
def _without_eventlet() -> Iterator[None]:
    """Hide eventlet's deprecation warning where eventlet is not used.

    futurist imports eventlet only to check whether eventlet is installed. All
    other warnings are shown.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings(
            'ignore', r'\s*Eventlet is deprecated', module='futurist'
        )
        yield


def choose_threads_of_ironic() -> None:
    """Choose native or green threads, before Ironic is imported.

    Importing Ironic's commands chooses the service backend: native threads
    from Ironic 32 on, eventlet in earlier releases.
    """
    for name in ('ironic.command', 'ironic.cmd'):
        green = name == 'ironic.cmd'
        try:
            with contextlib.nullcontext() if green else _without_eventlet():
                importlib.import_module(name)
            return
        except ModuleNotFoundError as e:
            if e.name not in (name, 'ironic'):
                raise


def choose_native_threads() -> None:
    """Make oslo.service, which oslo.messaging imports, use native threads."""
    if importlib.util.find_spec('cotyledon') is None:
        # oslo.service needs it for native threads, and would log an error.
        return
    with contextlib.suppress(Exception), _without_eventlet():
        # Older releases have no choice; an earlier choice stays.
        from oslo_service import backend

        backend.init_backend(backend.BackendType.THREADING)


def prepare(native: bool = False) -> None:
    """Register the options of Ironic and of the plugin.

    Ends the program with one line when Ironic is not installed.

    :param native: use native threads also where Ironic uses green ones; for a
        program that listens and serves.
    """
    if importlib.util.find_spec('ironic') is None:
        sys.exit(
            'Ironic is not installed in this Python environment. Run this '
            'command in the Python environment of Ironic.'
        )
    if native:
        choose_native_threads()
    else:
        choose_threads_of_ironic()
    register_ironic(CONF)
    logging.register_options(CONF)
    async_conf.register(CONF)


def register_ironic(conf: cfg.ConfigOpts) -> None:
    """Register the options of Ironic."""
    importlib.import_module('ironic.conf')
    # As in Ironic: the modules of its database need these defaults.
    importlib.import_module('osprofiler.opts').set_defaults(conf)


def read(arguments: Sequence[str], files: Sequence[str] = ()) -> None:
    """Read the configuration as Ironic's own commands do.

    Ends the program with one line when the configuration cannot be read.

    :param files: configuration files; Ironic's own by default
    """
    own = list(files) or None
    try:
        CONF(list(arguments), project='ironic', default_config_files=own)
    except cfg.Error as e:
        sys.exit(f'The configuration cannot be read: {redaction.line(e)}')
    logging.setup(CONF, 'ironic')
    # This logger lists the plugins that it has loaded.
    logging.getLogger('alembic.runtime.plugins').logger.setLevel('WARNING')


def brief(error: BaseException) -> str:
    """Return an error of a database in one line, without passwords.

    The line has no statement, no parameters, and no user of a URL.
    """
    # oslo.db wraps SQLAlchemy's error, which wraps the error of the library.
    for name in ('inner_exception', 'orig'):
        error = getattr(error, name, None) or error
    return redaction.line(error)


def engine() -> Any:
    """Return the engine of Ironic's database, for a command.

    Ends the program with one line when ``[database] connection`` is wrong.
    Libraries raise any error for a wrong part of a URL.
    """
    from ironic_async_events.outbox import connection

    with database():
        try:
            return connection.engine()
        except (cfg.Error, TypeError, ValueError) as e:
            sys.exit(_refusal(e))


@contextlib.contextmanager
def database() -> Iterator[None]:
    """End the program with one line when the database cannot be used.

    When Ironic logs to a file, an uncaught error shows nothing on the
    terminal.
    """
    from oslo_db import exception as db_exc
    from sqlalchemy import exc as sa_exc

    try:
        yield
    except exceptions.AsyncEventsError as e:
        sys.exit(f'ironic-async-events: {e}')
    except ImportError as e:
        sys.exit(
            f'ironic-async-events: {e}; install the libraries of Ironic, and '
            'the library for [database] connection in ironic.conf'
        )
    except (
        db_exc.DBError,
        db_exc.CantStartEngineError,
        sa_exc.SQLAlchemyError,
    ) as e:
        sys.exit(_refusal(e))


def _refusal(error: Exception) -> str:
    return (
        f'ironic-async-events: the database cannot be used: {brief(error)}; '
        'check that it runs, and [database] connection in ironic.conf'
    )
