# SPDX-License-Identifier: Apache-2.0
"""The files of the series that are new in Ironic."""

import hashlib
import pathlib

from patchset import tree as trees
from patchset.edit import plugin

_NEW = pathlib.Path(__file__).parent / 'new'

#: Where the tests of the new modules go.
TESTS = 'ironic/tests/unit/conductor/transitions'

INIT = plugin.LICENSE


def text(name: str) -> str:
    """Return a file of ours.

    :param name: its path below ``new/``
    """
    return (_NEW / name).read_text()


def code(name: str) -> str:
    """Return Python of ours, with the licence of Ironic's files."""
    body = text(name)
    return body.replace(
        '# SPDX-License-Identifier: Apache-2.0\n', plugin.LICENSE + '\n', 1
    )


def note(tree: trees.Tree, name: str) -> None:
    """Add a release note.

    :param name: of the file below ``new/notes/``
    """
    # reno wants a number that is nobody else's.
    number = hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()
    tree.write(
        f'releasenotes/notes/{name}-{number[:16]}.yaml',
        text(f'notes/{name}.yaml'),
    )


def package(tree: trees.Tree, directory: str, docstring: str = '') -> None:
    """Make a directory a package."""
    lines = f'{INIT}\n"""{docstring}"""\n' if docstring else ''
    tree.write(f'{directory}/__init__.py', lines)
