# SPDX-License-Identifier: Apache-2.0
"""A source tree of Ironic, and what the series makes of it in memory."""

import hashlib
import os
import pathlib
import subprocess

from patchset import edit

_TASK_MANAGER = 'ironic/conductor/task_manager.py'
# Whoever submits the series puts their own name on it: apply --signoff.
_AUTHOR = 'The ironic-async-events maintainers'
_ADDRESS = 'ironic-async-events@localhost'


class Tree:
    """The files of a work tree, with changes that are not written yet."""

    def __init__(self, directory: pathlib.Path) -> None:
        self.directory = directory
        self._texts: dict[str, str] = {}
        self._changed: dict[str, str] = {}

    def git(self, *args: str, text: str = '', own: bool = False) -> str:
        """Run git, with the user's own identity or ours."""
        environment = {**os.environ, 'GIT_EDITOR': 'true', 'LC_ALL': 'C'}
        if not own:
            for who in ('AUTHOR', 'COMMITTER'):
                environment.setdefault(f'GIT_{who}_NAME', _AUTHOR)
                environment.setdefault(f'GIT_{who}_EMAIL', _ADDRESS)
        # hooks would run programs of the tree
        result = subprocess.run(  # noqa: S603  # no shell
            ['git', '-c', 'core.hooksPath=/dev/null', *args],  # noqa: S607
            cwd=self.directory,
            input=text,
            capture_output=True,
            text=True,
            check=False,
            env=environment,
        )
        if result.returncode:
            lines = result.stderr.strip().splitlines() or ['no reason given']
            raise edit.Refusal(f'git {args[0]}: {lines[-1]}')
        return result.stdout

    def check_usable(self) -> None:
        """Refuse what is not Ironic, or where no commit can be written."""
        where = self.directory
        try:
            top = self.git('rev-parse', '--show-toplevel').strip()
            self.git('rev-parse', '--verify', 'HEAD')
        except (edit.Refusal, OSError):
            raise edit.Refusal(
                f'{where} is no git work tree with a commit; make one of an '
                'unpacked source distribution with: git init, git add -fA, '
                'git commit'
            ) from None
        if pathlib.Path(top).resolve() != where.resolve():
            raise edit.Refusal(
                f'{where} is not the top of its work tree, {top}'
            )
        changes = self.git('status', '--porcelain').splitlines()
        if changes:
            raise edit.Refusal(
                f'{where} has uncommitted changes ({changes[0].strip()}); '
                'commit or stash them first'
            )
        if not (where / _TASK_MANAGER).is_file():
            raise edit.Refusal(
                f'{where} is no source tree of Ironic: it has no '
                f'{_TASK_MANAGER}'
            )

    def read(self, path: str) -> str:
        """Return the text of a file, or raise Unexpected."""
        if path not in self._texts:
            try:
                self._texts[path] = (self.directory / path).read_text()
            except OSError:
                raise edit.Unexpected(path, 1, 'a file') from None
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

    def commit(self, message: str, files: dict[str, str], own: bool) -> str:
        """Write a commit; return what git says of its size."""
        for path, text in files.items():
            (self.directory / path).parent.mkdir(parents=True, exist_ok=True)
            (self.directory / path).write_text(text)
        # what an unpacked distribution ignores is part of it all the same
        self.git('add', '--force', '--', *files)
        args = ['commit', '--quiet', '--file=-', '--no-gpg-sign']
        self.git(*args, *['--signoff'] * own, text=message, own=own)
        return self.git('show', '--shortstat', '--format=', 'HEAD').strip()
