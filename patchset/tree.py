# SPDX-License-Identifier: Apache-2.0
"""A source tree of Ironic, and what the series makes of it in memory."""

import hashlib
import pathlib

from patchset import errors
from patchset import git

_TASK_MANAGER = 'ironic/conductor/task_manager.py'


class Tree:
    """The files of a tree, with changes that are not written yet."""

    def __init__(self, directory: pathlib.Path) -> None:
        self.directory = directory
        self.repository = git.Repository(directory)
        self._texts: dict[str, str] = {}
        self._changed: dict[str, str] = {}

    def check_usable(self) -> None:
        """Refuse what is not Ironic, or where no commit can be written."""
        self.repository.check_usable()
        if not (self.directory / _TASK_MANAGER).is_file():
            raise errors.Refusal(
                f'{self.directory} is no source tree of Ironic: it has no '
                f'{_TASK_MANAGER}'
            )

    def read(self, path: str) -> str:
        """Return the text of a file, or raise Unexpected."""
        if path not in self._texts:
            try:
                self._texts[path] = (self.directory / path).read_text()
            except OSError:
                raise errors.Unexpected(path, 1, 'a file') from None
        return self._texts[path]

    def write(self, path: str, text: str) -> None:
        """Change a file, or make one."""
        self._texts[path] = self._changed[path] = text

    def note(self, name: str, text: str) -> None:
        """Add a release note."""
        # reno wants a number that is nobody else's
        number = hashlib.sha256(name.encode()).hexdigest()[:16]
        path = f'releasenotes/notes/{name}-{number}.yaml'
        self.write(path, f'---\n{text.strip()}\n')

    def take_changes(self) -> dict[str, str]:
        """Return the files that have changed since the last call."""
        changed, self._changed = self._changed, {}
        return changed
