# SPDX-License-Identifier: Apache-2.0
"""Read Ironic's configuration, for commands that use Ironic's database."""

from collections.abc import Iterator
from collections.abc import Sequence
import contextlib
import importlib
import importlib.util
import sys
from typing import Any

from oslo_config import cfg
from oslo_log import log as logging

from ironic_async_events import conf as async_conf
from ironic_async_events import exceptions
from ironic_async_events import redaction
from ironic_async_events.command import threads

CONF = cfg.CONF


def prepare(native: bool = False) -> None:
    """Register the options of Ironic and of the plugin.

    Ends the program with one line when Ironic is not installed.

    :param native: use native threads also where Ironic uses green ones; for a
        program that listens and serves.
    """
    if native:
        threads.choose_native()
    if importlib.util.find_spec('ironic') is None or not (
        native or threads.as_ironic()
    ):
        sys.exit(
            'Ironic is not installed in this Python environment. Run this '
            'command in the Python environment of Ironic.'
        )
    importlib.import_module('ironic.conf')
    # As in Ironic: the modules of its database need these defaults.
    importlib.import_module('osprofiler.opts').set_defaults(CONF)
    logging.register_options(CONF)
    async_conf.register(CONF)


def read(arguments: Sequence[str], files: Sequence[str] = ()) -> None:
    """Read the configuration as Ironic's own commands do.

    Ends the program with one line when the configuration cannot be read.

    :param arguments: options of oslo.config
    :param files: configuration files; Ironic's own by default
    """
    try:
        CONF(
            list(arguments),
            project='ironic',
            default_config_files=list(files) or None,
        )
    except cfg.Error as e:
        sys.exit(f'The configuration cannot be read: {redaction.line(e)}')
    logging.setup(CONF, 'ironic')
    # This logger lists the plugins that it has loaded.
    logging.getLogger('alembic.runtime.plugins').logger.setLevel('WARNING')


def brief(error: BaseException) -> str:
    """Return an error of a database in one line, without passwords.

    The line has no statement, no parameters, and no user of a URL.

    :param error: the error
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
