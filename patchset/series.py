# SPDX-License-Identifier: Apache-2.0
"""The series: its commits, made in memory first, then written."""

from collections.abc import Iterable
import pathlib

from patchset import edit
from patchset import script
from patchset import tree as trees

_COMMITS = pathlib.Path(__file__).parent / 'commits'


def commits(files: str = '[0-9]*') -> list[script.Commit]:
    """Return the series; or what other files have, such as the backport."""
    made = map(script.Commit, _COMMITS.glob(files))
    return sorted(made, key=lambda commit: commit.number.zfill(2))


def applied(
    tree: trees.Tree, wanted: Iterable[script.Commit]
) -> dict[str, str]:
    """Return the hashes of the commits that a tree has, by their names."""
    form = '--format=%(trailers:key=Change-Id,valueonly,separator=)=%H'
    log = tree.git('log', '-300', form).splitlines()
    hashes = dict(line.split('=') for line in log)
    return {
        commit.name: hashes[commit.change_id]
        for commit in wanted
        if commit.change_id in hashes
    }


def export(tree: trees.Tree, directory: pathlib.Path) -> list[str]:
    """Write the commits of a tree as files for ``git am`` and quilt."""
    hashes = list(applied(tree, commits('*')).values())
    if not hashes:
        raise edit.Refusal(
            f'{tree.directory} has no commit of the series; run '
            '"patchset apply" first'
        )
    args = ['--zero-commit', '--no-signature', '-o', str(directory.resolve())]
    series = f'{hashes[0]}^..{hashes[-1]}'
    return tree.git('format-patch', *args, series).splitlines()
