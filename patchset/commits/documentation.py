# SPDX-License-Identifier: Apache-2.0
"""8. What can be relied on, for operators and for contributors."""

from patchset import errors
from patchset import files
from patchset import tree as trees

SUBJECT = 'Document the order of provision notifications'

BODY = """
Say which promises hold for the notifications of provision states, so
that a consumer need not find out: the documentation only says that
notifications may be lost. Tell authors of drivers how to spawn with an
event, and what they must not do.
"""

NOTIFICATIONS = 'doc/source/admin/notifications.rst'
INDEX = 'doc/source/contributor/index.rst'

_MARK = '\nVersioning\n==========\n'
_PAGE = 'provision-state-changes'


def make(tree: trees.Tree, release: trees.Release) -> None:
    """Change the tree."""
    tree.change(NOTIFICATIONS, _notifications)
    tree.change(INDEX, _index)
    tree.write(
        f'doc/source/contributor/{_PAGE}.rst', files.text(f'8/{_PAGE}.rst')
    )


def _notifications(text: str) -> str:
    if text.count(_MARK) != 1:
        raise errors.Unexpected(NOTIFICATIONS, 1, 'a section "Versioning"')
    return text.replace(
        _MARK, '\n' + files.text('8/notifications.rst') + _MARK
    )


def _index(text: str) -> str:
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines):
        name = line.rpartition('<')[2].strip().rstrip('>')
        if name == 'states':
            indent = line[: len(line) - len(line.lstrip())]
            lines.insert(
                number + 1,
                f'{indent}Changing the Provision State <{_PAGE}>\n'
                if '<' in line
                else f'{indent}{_PAGE}\n',
            )
            return ''.join(lines)
    raise errors.Unexpected(INDEX, 1, 'the page "states"')
