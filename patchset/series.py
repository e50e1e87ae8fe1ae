# SPDX-License-Identifier: Apache-2.0
"""The series: its commits, made in memory first, then written."""

from collections.abc import Iterable
import pathlib

from patchset import errors
from patchset import script
from patchset import tree as trees

#: A fix for stable branches, which the series does not need.
BACKPORT = 'backport'

_COMMITS = pathlib.Path(__file__).parent / 'commits'


def commits() -> list[script.Commit]:
    """Return the series."""
    made = map(script.Commit, _COMMITS.glob('[0-9]*'))
    return sorted(made, key=lambda commit: int(commit.number))


def backport() -> script.Commit:
    """Return the fix for stable branches."""
    return script.Commit(_COMMITS / f'{BACKPORT}.commit')


def applied(
    tree: trees.Tree, wanted: Iterable[script.Commit]
) -> dict[str, str]:
    """Return the hashes of the commits that a tree has, by their names."""
    form = '--format=%(trailers:key=Change-Id,valueonly,separator=)=%H'
    log = tree.repository.run('log', '-300', form).splitlines()
    hashes = dict(line.split('=') for line in log)
    return {
        commit.name: hashes[commit.change_id]
        for commit in wanted
        if commit.change_id in hashes
    }


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
    hashes = list(applied(tree, [*commits(), backport()]).values())
    if not hashes:
        raise errors.Refusal(
            f'{tree.directory} has no commit of the series; run '
            '"patchset apply" first'
        )
    run, series = tree.repository.run, f'{hashes[0]}^..{hashes[-1]}'
    if run('rev-list', '--reverse', series).split() != hashes:
        raise errors.Refusal(
            f'the commits of the series in {tree.directory} do not follow '
            'one another; rebase it, or apply it anew'
        )
    args = ['--zero-commit', '--no-signature', '-o', str(directory.resolve())]
    return run('format-patch', *args, series).splitlines()
