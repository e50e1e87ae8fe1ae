# SPDX-License-Identifier: Apache-2.0
"""Show errors and URLs without the credentials that they may hold.

The only place that does. Libraries redact a URL that they can parse; the text
of an error may hold a URL that nothing can parse.
"""

from collections.abc import Callable
import contextlib
import functools
import re
from typing import Any
from urllib import parse

from oslo_config import cfg

# Of a URL, all before its last "@": a password that is not encoded may hold
# any character.
_URL = re.compile(r'//.*@')
# The rest of a password, where a library takes it for a part of the host. A
# database writes 'user'@'host', which stays.
_HOST = re.compile(r"""[^\s'"/]+@""")


class BadURL(ValueError):
    """A URL cannot be used; the text says so without the URL."""


def line(error: BaseException) -> str:
    """Return an error in one line, without credentials.

    The line has no statement and no parameters either: these are the other
    lines of a database error.
    """
    if isinstance(error, cfg.ConfigFileParseError):
        # The text repeats a line of the file.
        number = getattr(error.__context__, 'lineno', 'unknown')
        return f'line {number} of {error.config_file} is wrong'
    if isinstance(error, ValueError | LookupError | cfg.NoSuchOptError):
        # These repeat any piece of a URL: "invalid literal for int()".
        return (
            'a URL or another value cannot be read; special characters of a '
            'password in a URL must be percent-encoded'
        )
    text = ' '.join(str(error).partition('\n')[0].split())
    for credentials, rest in ((_URL, '//***@'), (_HOST, '***@')):
        text = credentials.sub(rest, text)
    return text or type(error).__name__


def web(url: str, option: str) -> parse.SplitResult:
    """Parse the URL of a web service, which an option gave.

    :raises BadURL: when it is none, or its password is not percent-encoded
    """
    with contextlib.suppress(ValueError):
        parts = parse.urlsplit(url)
        if (
            parts.scheme in ('http', 'https')
            and parts.hostname
            and parts.port != 0  # reading the port may raise too
            and '@' not in ''.join(parts[2:])
        ):
            return parts
    raise BadURL(
        f'{option} must be like http://user:password@host:port, with the '
        'special characters of the password percent-encoded'
    )


def describe(error: BaseException) -> str:
    """Name an error of the database without its text.

    The text repeats the statement and its parameters: passwords, tokens,
    configuration drives.

    :returns: the type of the error and, if known, type and number of the
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


def redacted(error: BaseException) -> BaseException:
    """Return an error that may be shown to callers and in records.

    :returns: the error itself; for an error of the database, a new error
        without statement and parameters, chained to the original error
    """
    # An API installs the plugin before it needs the libraries of databases.
    from oslo_db import exception as db_exception
    from sqlalchemy import exc as sa_exc

    if not isinstance(error, db_exception.DBError | sa_exc.SQLAlchemyError):
        return error
    answer: BaseException = db_exception.DBError(
        RuntimeError(f'the database failed: {describe(error)}')
    )
    answer.__cause__ = error
    return answer


def hiding_parameters(method: Callable[..., Any]) -> Callable[..., Any]:
    """Make SQLAlchemy leave parameters out of its errors.

    Ironic itself writes these errors to the log and sends them to clients.

    :param method: ``ConductorManager.init_host``
    """

    @functools.wraps(method)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        from ironic.db import sqlalchemy  # noqa: F401  # sets up the database
        from oslo_db.sqlalchemy import enginefacade

        for facade in (enginefacade.reader, enginefacade.writer):
            facade.get_engine().hide_parameters = True
        return method(*args, **kwargs)

    return wrapper
