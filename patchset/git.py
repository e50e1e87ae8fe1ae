# SPDX-License-Identifier: Apache-2.0
"""The few things that are asked of git."""

import os
import pathlib
import subprocess

from patchset import errors

# Whoever submits the series puts their own name on it.
_AUTHOR = 'The ironic-async-events maintainers'
_ADDRESS = 'ironic-async-events@localhost'


class Repository:
    """A git work tree.

    :param directory: its top directory
    """

    def __init__(self, directory: pathlib.Path) -> None:
        self.directory = directory

    def run(self, *args: str, text: str | None = None) -> str:
        """Run git and return what it prints.

        :param args: the arguments of git
        :param text: what it reads
        :raises Refusal: when it fails
        """
        # hooks would run programs of the tree
        command = ['git', '-C', str(self.directory)]
        command += ['-c', 'core.hooksPath=/dev/null', *args]
        result = subprocess.run(  # noqa: S603  # no shell
            command,
            input=text,
            capture_output=True,
            text=True,
            check=False,
            env=self._environment(),
        )
        if result.returncode:
            lines = result.stderr.strip().splitlines() or ['no reason given']
            raise errors.Refusal(f'git {args[0]}: {lines[-1]}')
        return result.stdout

    @staticmethod
    def _environment() -> dict[str, str]:
        environment = {**os.environ, 'GIT_EDITOR': 'true', 'LC_ALL': 'C'}
        for who in ('AUTHOR', 'COMMITTER'):
            environment.setdefault(f'GIT_{who}_NAME', _AUTHOR)
            environment.setdefault(f'GIT_{who}_EMAIL', _ADDRESS)
        return environment

    def check_usable(self) -> None:
        """Make sure that commits can be written here.

        :raises Refusal: when it is no work tree, or not a clean one
        """
        try:
            top = self.run('rev-parse', '--show-toplevel').strip()
        except (errors.Refusal, OSError):
            raise errors.Refusal(
                f'{self.directory} is no git work tree; make one of an '
                'unpacked source distribution with: git init, git add -fA, '
                'git commit'
            ) from None
        if pathlib.Path(top).resolve() != self.directory.resolve():
            raise errors.Refusal(
                f'{self.directory} is not the top of its git work tree; '
                f'that is {top}'
            )
        try:
            self.run('rev-parse', '--verify', 'HEAD')
        except errors.Refusal:
            raise errors.Refusal(
                f'{self.directory} has no commit yet; make one with: '
                'git add -fA, git commit'
            ) from None
        changes = self.run('status', '--porcelain').splitlines()
        if changes:
            raise errors.Refusal(
                f'{self.directory} has uncommitted changes '
                f'({changes[0].strip()}); commit or stash them first'
            )

    def messages(self, count: int = 200) -> list[tuple[str, str]]:
        """Return hashes and messages of the last commits, newest first."""
        raw = self.run('log', f'-{count}', '--format=%H%x00%B%x01')
        pairs = []
        for entry in raw.split('\x01'):
            commit, _, message = entry.strip().partition('\x00')
            if commit:
                pairs.append((commit, message))
        return pairs
