# SPDX-License-Identifier: Apache-2.0
"""The series: its commits, made in memory first, then written."""

from collections.abc import Iterable
import pathlib
import re

from patchset import errors
from patchset import script
from patchset import tree as trees

#: The name of a fix for stable branches, which the series does not need.
BACKPORT = 'backport'

_COMMITS = pathlib.Path(__file__).parent / 'commits'
_CHANGE_ID = re.compile(r'^Change-Id: (I[0-9a-f]{40})$', re.MULTILINE)


def commits() -> list[script.Commit]:
    """Return the series."""
    return [script.Commit(path) for path in sorted(_COMMITS.glob('[0-9]*'))]


def backport() -> script.Commit:
    """Return the fix for stable branches."""
    return script.Commit(_COMMITS / f'{BACKPORT}.commit')


def applied(
    tree: trees.Tree, wanted: Iterable[script.Commit]
) -> list[script.Commit]:
    """Return those of the commits that a tree has."""
    log = tree.repository.run('log', '-300', '--format=%B')
    present = _CHANGE_ID.findall(log)
    return [commit for commit in wanted if commit.change_id in present]


def write(
    tree: trees.Tree,
    commit: script.Commit,
    files: dict[str, str],
    signoff: bool,
) -> str:
    """Write a commit; return what git says of its size."""
    for path, text in files.items():
        (tree.directory / path).parent.mkdir(parents=True, exist_ok=True)
        (tree.directory / path).write_text(text)
    run = tree.repository.run
    # what an unpacked distribution ignores is part of it all the same
    run('add', '--force', '--', *files)
    args = ['commit', '--quiet', '--file=-', '--no-gpg-sign']
    args += ['--signoff'] * signoff
    run(*args, text=commit.message, own=signoff)
    return run('show', '--shortstat', '--format=', 'HEAD').strip()


def export(tree: trees.Tree, directory: pathlib.Path) -> list[str]:
    """Write the commits of a tree as files for ``git am`` and quilt."""
    ids = {commit.change_id for commit in [*commits(), backport()]}
    run = tree.repository.run
    log = run('log', '-300', '--reverse', '--format=%H%x00%B%x01')
    entries = [entry.strip().partition('\0') for entry in log.split('\1')]
    ours = [
        number
        for number, (_, _, message) in enumerate(entries)
        if ids.intersection(_CHANGE_ID.findall(message))
    ]
    if not ours:
        raise errors.Refusal(
            f'{tree.directory} has no commit of the series; run '
            '"patchset apply" first'
        )
    if ours != list(range(ours[0], ours[-1] + 1)):
        raise errors.Refusal(
            f'the commits of the series in {tree.directory} do not follow '
            'one another; rebase it, or apply it anew'
        )
    first, last = entries[ours[0]][0], entries[ours[-1]][0]
    return run(
        *('format-patch', '--zero-commit', '--no-signature'),
        *('--output-directory', str(directory.resolve())),
        f'{first}^..{last}',
    ).splitlines()
