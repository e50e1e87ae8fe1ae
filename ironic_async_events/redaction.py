# SPDX-License-Identifier: Apache-2.0
"""Show errors and URLs without the credentials that they may hold.

The only place that does. Libraries redact a URL that they can parse; the text
of an error may hold a URL that nothing can parse.
"""

import contextlib
import re
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

    :param error: the error
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
    """Parse the URL of a web service.

    :param url: the URL, which may hold a user and a password
    :param option: the option that gave the URL
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
