# SPDX-License-Identifier: Apache-2.0
"""A source tree of Ironic, and what the series makes of it in memory."""

from collections.abc import Callable
from collections.abc import Iterator
import dataclasses
import pathlib
import re

from patchset import errors
from patchset import git


@dataclasses.dataclass(frozen=True)
class Release:
    """A release of Ironic.

    :param version: such as ``39.0.0``
    :param openstack: the release of OpenStack that it belongs to
    :param python: the oldest Python that it runs on
    """

    version: str
    openstack: str
    python: tuple[int, int]

    @property
    def major(self) -> int:
        """The number by which its changes are told from those of others."""
        return int(self.version.partition('.')[0])


#: The releases that the series was made for, and tried on.
KNOWN = (
    Release('39.0.0', '2026.2', (3, 11)),
    Release('35.1.0', '2026.1', (3, 10)),
    Release('32.1.0', '2025.2', (3, 10)),
    Release('29.0.6', '2025.1', (3, 9)),
)


class Tree:
    """The files of a tree, with changes that are not written yet.

    :param directory: its top directory, a git work tree
    """

    def __init__(self, directory: pathlib.Path) -> None:
        self.directory = directory
        self.repository = git.Repository(directory)
        self._changed: dict[str, str | None] = {}
        self._taken: dict[str, str | None] = {}

    def identify(self, like: str | None = None) -> Release:
        """Tell which release of Ironic this is.

        :param like: take it for this known release, whatever it says
        :raises Refusal: when it is no Ironic, or one that nobody has tried
        """
        if not (self.directory / 'ironic/conductor/task_manager.py').is_file():
            raise errors.Refusal(
                f'{self.directory} is no source tree of Ironic: it has no '
                'ironic/conductor/task_manager.py'
            )
        version = self._version()
        for release in KNOWN:
            if like == release.version:
                return release
            if not like and version.partition('.')[0] == str(release.major):
                return dataclasses.replace(release, version=version)
        known = ', '.join(release.version for release in KNOWN)
        raise errors.Refusal(
            f'{self.directory} is Ironic {version or "of unknown release"}; '
            f'the series is known to fit {known}; --release tries it as if '
            'the tree were one of them'
        )

    def _version(self) -> str:
        try:
            text = (self.directory / 'PKG-INFO').read_text()
        except OSError:
            # A clone knows its release by its tags.
            try:
                return self.repository.run(
                    'describe', '--tags', '--abbrev=0', '--match', '[0-9]*'
                ).strip()
            except errors.Refusal:
                return ''
        match = re.search(r'^Version: *(\S+)', text, re.MULTILINE)
        return match[1] if match else ''

    def exists(self, path: str) -> bool:
        """Tell whether a file is there."""
        if path in self._changed:
            return self._changed[path] is not None
        return (self.directory / path).is_file()

    def read(self, path: str) -> str:
        """Return the text of a file.

        :raises Unexpected: when it is not there
        """
        text = self._changed.get(path)
        if path not in self._changed:
            try:
                text = (self.directory / path).read_text(encoding='utf-8')
            except OSError:
                text = None
        if text is None:
            raise errors.Unexpected(path, 1, 'a file of that name')
        return text

    def write(self, path: str, text: str | None) -> None:
        """Change a file, make one, or remove it with None."""
        self._changed[path] = text

    def change(self, path: str, function: Callable[[str], str]) -> None:
        """Change a file by a function of its text.

        :raises Unexpected: when nothing changes
        """
        before = self.read(path)
        after = function(before)
        if after == before:
            raise errors.Unexpected(path, 1, 'something to change')
        self.write(path, after)

    def glob(self, pattern: str) -> Iterator[str]:
        """Return the paths that match, those of new files among them."""
        paths = {
            str(path.relative_to(self.directory))
            for path in self.directory.glob(pattern)
        }
        paths |= {
            path
            for path in self._changed
            if pathlib.PurePath(path).match(pattern)
        }
        yield from sorted(path for path in paths if self.exists(path))

    def take_changes(self) -> dict[str, str | None]:
        """Return what has changed since the last call; go on from there."""
        changed = {
            path: text
            for path, text in self._changed.items()
            if path not in self._taken or text != self._taken[path]
        }
        self._taken.update(changed)
        return changed
