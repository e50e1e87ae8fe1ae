# SPDX-License-Identifier: Apache-2.0
"""The clock of the database, the only one that all conductors share."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext import compiler
from sqlalchemy.sql import functions


class epoch(functions.FunctionElement[float]):
    """Seconds since 1970, when the statement began, by the database."""

    type = sa.Double()
    inherit_cache = True


@compiler.compiles(epoch, 'sqlite')
def _sqlite(element: epoch, compiler: Any, **kw: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiler.compiles(epoch, 'mysql')
@compiler.compiles(epoch, 'mariadb')
def _mysql(element: epoch, compiler: Any, **kw: Any) -> str:
    # Not UNIX_TIMESTAMP(NOW(6)): in the hour in which summer time ends, the
    # local time is ambiguous.
    return (
        "(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) "
        '/ 1000000E0)'
    )


@compiler.compiles(epoch, 'postgresql')
def _postgresql(element: epoch, compiler: Any, **kw: Any) -> str:
    return 'extract(epoch from statement_timestamp())'
