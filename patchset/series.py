# SPDX-License-Identifier: Apache-2.0
"""The series: its commits, made in memory first, then written."""

from collections.abc import Sequence
import dataclasses
import hashlib
import importlib
import pathlib
import re
import textwrap

from patchset import errors
from patchset import tree as trees

#: The commits in their order. Each module has SUBJECT, BODY and make().
NAMES: tuple[str, ...] = (
    'transition',
    'vendor_arguments',
    'spawn_with_event',
    'take_back',
    'call_sites',
    'continue_and_abort',
    'no_callbacks',
    'documentation',
    'one_update',
)

_FOOTER = re.compile(r'[A-Z][\w-]+: \S+$', re.MULTILINE)
_WIDTH = 72

_CHANGE_ID = re.compile(r'^Change-Id: (I[0-9a-f]{40})$', re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Commit:
    """One commit of the series.

    :param number: its place, from 1
    :param name: the module that makes it
    """

    number: int
    name: str

    @property
    def _module(self) -> object:
        return importlib.import_module(f'patchset.commits.{self.name}')

    @property
    def subject(self) -> str:
        """The first line of its message."""
        return str(self._module.SUBJECT)  # type: ignore[attr-defined]

    @property
    def change_id(self) -> str:
        """What Gerrit knows it by; the same for every release and run."""
        seed = f'ironic-async-events/{self.name}'.encode()
        return 'I' + hashlib.sha1(seed, usedforsecurity=False).hexdigest()

    @property
    def message(self) -> str:
        """The whole message."""
        body = self._module.BODY.strip()  # type: ignore[attr-defined]
        paragraphs = [
            part if _FOOTER.match(part) else textwrap.fill(part, _WIDTH)
            for part in body.split('\n\n')
        ]
        between = '\n' if _FOOTER.match(paragraphs[-1]) else '\n\n'
        body = '\n\n'.join(paragraphs)
        return (
            f'{self.subject}\n\n{body}{between}Change-Id: {self.change_id}\n'
        )

    def make(self, tree: trees.Tree, release: trees.Release) -> None:
        """Change the files of a tree, in memory.

        :raises Unexpected: when the tree is not what the commit expects
        """
        self._module.make(tree, release)  # type: ignore[attr-defined]


def commits() -> list[Commit]:
    """Return the series."""
    return [Commit(number, name) for number, name in enumerate(NAMES, 1)]


def applied(tree: trees.Tree) -> dict[int, str]:
    """Return the hashes of the commits that a tree has, by their numbers."""
    numbers = {commit.change_id: commit.number for commit in commits()}
    hashes = {}
    for commit_hash, message in tree.repository.messages():
        for change_id in _CHANGE_ID.findall(message):
            if change_id in numbers:
                hashes[numbers[change_id]] = commit_hash
    return hashes


@dataclasses.dataclass(frozen=True)
class Made:
    """A commit and the files that it changes.

    :param commit: the commit
    :param files: by path; None for a file that is removed
    """

    commit: Commit
    files: dict[str, str | None]


def make(
    tree: trees.Tree, release: trees.Release, wanted: Sequence[Commit]
) -> list[Made]:
    """Make commits in memory.

    :raises Unexpected: when one of them does not fit
    """
    made = []
    for commit in wanted:
        try:
            commit.make(tree, release)
        except errors.Unexpected as e:
            raise errors.Refusal(
                f'commit {commit.number} ({commit.subject}) does not fit: {e}'
            ) from e
        made.append(Made(commit, tree.take_changes()))
    return made


def write(tree: trees.Tree, made: Made) -> str:
    """Write a commit into the tree.

    :returns: what git says of it: files, lines added and removed
    """
    for path, text in made.files.items():
        file = tree.directory / path
        if text is None:
            file.unlink()
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding='utf-8')
    repository = tree.repository
    # What an unpacked distribution ignores is part of it all the same.
    repository.run('add', '--all', '--force', '--', *made.files)
    repository.run(
        'commit',
        '--quiet',
        '--file=-',
        '--no-gpg-sign',
        text=made.commit.message,
    )
    return repository.run('show', '--shortstat', '--format=', 'HEAD').strip()


def export(tree: trees.Tree, directory: pathlib.Path) -> list[str]:
    """Write the commits of a tree as files for ``git am`` and quilt.

    :raises Refusal: when the tree has none of them, or others in between
    """
    hashes = applied(tree)
    if not hashes:
        raise errors.Refusal(
            f'{tree.directory} has no commit of the series; run '
            '"patchset apply" first'
        )
    wanted = [hashes[number] for number in sorted(hashes)]
    lines = tree.repository.run(
        'rev-list', '--reverse', f'{wanted[0]}^..{wanted[-1]}'
    ).split()
    if lines != wanted:
        raise errors.Refusal(
            f'the commits of the series in {tree.directory} do not follow '
            'one another; rebase it, or apply it anew'
        )
    output = tree.repository.run(
        'format-patch',
        '--quiet',
        '--zero-commit',
        '--no-signature',
        '--output-directory',
        str(directory.resolve()),
        f'{wanted[0]}^..{wanted[-1]}',
    )
    del output
    return sorted(path.name for path in directory.glob('*.patch'))
