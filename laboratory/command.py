# SPDX-License-Identifier: Apache-2.0
"""What the commands of the laboratory share."""

import argparse
from collections.abc import Callable
import sys
from typing import Any

from laboratory import errors
from laboratory import processes


def parser(
    name: str, description: str | None, **options: tuple[Any, str]
) -> argparse.ArgumentParser:
    """Make the parser of a command.

    :param options: the default, or the type where there is none, or False for
        a flag; and the help.
    """
    made = argparse.ArgumentParser(
        prog=f'python -m laboratory.{name}',
        description=description,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    for option, (default, text) in options.items():
        if default is False:
            made.add_argument(f'--{option}', action='store_true', help=text)
        elif isinstance(default, type):
            made.add_argument(f'--{option}', type=default, help=text)
        else:
            made.add_argument(
                f'--{option}', type=type(default), default=default, help=text
            )
    return made


def run(name: str, work: Callable[[], int | None]) -> int:
    """Do the work of a command, and stop what it has started.

    :returns: what the work returns, or 2 when it could not be done.
    """
    processes.end_on_sigterm()
    try:
        return work() or 0
    except errors.LaboratoryError as error:
        print(f'{name}: {error}', file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
