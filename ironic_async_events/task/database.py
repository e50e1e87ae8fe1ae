# SPDX-License-Identifier: Apache-2.0
"""What every module does with a database that fails.

An error of the database says little: a statement that raised may have been
carried out. So whoever has to know looks again, until the database answers.
"""

from collections.abc import Callable
from collections.abc import Iterator
import contextlib
from typing import Any
from typing import TypeVar

from ironic.common import exception
from oslo_config import cfg
from oslo_db import exception as db_exception
from sqlalchemy import exc as sa_exc
import tenacity

CONF = cfg.CONF

_T = TypeVar('_T')


def failed(error: BaseException | None) -> bool:
    """Tell whether an error is the database's.

    :param error: the error, if there is one
    """
    return (
        isinstance(error, db_exception.DBError | sa_exc.SQLAlchemyError)
        # Ironic's word for an SQLite that stayed locked for too long; what is
        # derived from it is something else.
        or type(error) is exception.TemporaryFailure
    )


def describe(error: BaseException) -> str:
    """Name an error of the database without a word of what it says.

    Databases repeat the statement and its parameters: passwords, tokens,
    configuration drives.

    :param error: the error
    :returns: its type and, where there are, the type and the number of the
        error that the driver of the database raised
    """
    text = type(error).__name__
    cause: Any = getattr(error, 'inner_exception', error)
    cause = getattr(cause, 'orig', cause)
    if isinstance(cause, BaseException) and cause is not error:
        number = next(iter(cause.args), None)
        text += f' ({type(cause).__name__}'
        text += f' {number})' if isinstance(number, int) else ')'
    return text


def told(error: BaseException) -> BaseException:
    """Return what may be said of an error, to callers and in records.

    :param error: any error
    :returns: the error itself; for one of the database, another one that
        keeps its statement and parameters for itself, chained to it
    """
    if not failed(error):
        return error
    answer: BaseException = db_exception.DBError(
        RuntimeError(f'the database failed: {describe(error)}')
    )
    answer.__cause__ = error
    return answer


def hide_parameters() -> None:
    """Have SQLAlchemy leave the parameters out of its errors.

    They come to the log and to clients by Ironic's own ways, too. Called by
    the thread that starts the conductor.
    """
    from ironic.db import sqlalchemy  # noqa: F401  # configures the database
    from oslo_db.sqlalchemy import enginefacade

    for facade in (enginefacade.reader, enginefacade.writer):
        facade.get_engine().hide_parameters = True


def insist(function: Callable[..., _T], *args: Any) -> _T:
    """Call a function until the database answers.

    Pauses and limit are those of oslo.db: ``[database] db_retry_interval``,
    ``db_inc_retry_interval``, ``db_max_retry_interval``, ``db_max_retries``
    (by default about three minutes in all). The thread that calls sleeps.

    :param function: finds out itself what an earlier call has done
    :param args: its arguments
    :returns: what it returns
    :raises Exception: what it raises, if that is no error of the database or
        the limit is reached
    """
    options = CONF.database
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(failed),
        wait=tenacity.wait_exponential(
            multiplier=options.db_retry_interval,
            exp_base=2 if options.db_inc_retry_interval else 1,
            max=options.db_max_retry_interval,
        ),
        stop=(
            tenacity.stop_never
            if options.db_max_retries < 0
            else tenacity.stop_after_attempt(options.db_max_retries + 1)
        ),
        reraise=True,
    )
    return retrying(function, *args)


@contextlib.contextmanager
def transaction() -> Iterator[None]:
    """Have all that this thread saves committed together, or not at all."""
    from ironic.db.sqlalchemy import api  # configures the database

    with api._session_for_write():
        yield
