# SPDX-License-Identifier: Apache-2.0
"""``ironic-async-events-dbsync``: create, repair and drop the outbox's tables.

Needs what ``ironic-dbsync`` needs, and nothing else.
"""

from collections.abc import Sequence
import sys
from typing import Any

from oslo_config import cfg

from ironic_async_events.command import ironic_conf
from ironic_async_events.outbox import schema

CONF = cfg.CONF

_NO_TABLES = 'There are no tables of the outbox.'


def upgrade() -> str:
    """Create the tables, repair them, or upgrade them."""
    engine = ironic_conf.engine()
    schema.upgrade(engine)
    return f'The tables of the outbox are at {schema.current(engine)}.'


def current() -> str:
    """Show the version of the tables, and what is missing."""
    engine = ironic_conf.engine()
    if not schema.tables(engine):
        return _NO_TABLES
    lines = (schema.current(engine), schema.problem(engine))
    return '\n'.join(line for line in lines if line)


def drop() -> str:
    """Drop the tables; Ironic's tables stay as they are."""
    from ironic_async_events.outbox import store  # imports Ironic

    engine = ironic_conf.engine()
    there = schema.tables(engine)
    if not there:
        return _NO_TABLES
    # An interrupted drop may have dropped this table already.
    empty = schema.OUTBOX.name not in there or store.is_empty()
    if not (CONF.command.force or empty):
        sys.exit(
            'The outbox holds messages. Let a conductor publish them, or '
            'delete them with --force.'
        )
    schema.drop(engine)
    return 'The tables of the outbox were dropped.'


def _add_parsers(subparsers: Any) -> None:
    for command in (upgrade, current, drop):
        parser = subparsers.add_parser(
            command.__name__, help=command.__doc__, description=command.__doc__
        )
        parser.set_defaults(run=command)
    parser.add_argument(
        '--force',
        action='store_true',
        help='Delete messages that have not been published.',
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Run the program."""
    ironic_conf.prepare()
    CONF.register_cli_opt(
        cfg.SubCommandOpt(
            'command',
            title='Command',
            help='What to do with the tables of the outbox',
            handler=_add_parsers,
        )
    )
    ironic_conf.read(list(sys.argv[1:] if argv is None else argv))
    with ironic_conf.database():
        print(CONF.command.run())


if __name__ == '__main__':
    main()
