# SPDX-License-Identifier: Apache-2.0
"""The few things that are asked of git."""

import os
import pathlib
import subprocess

from patchset import errors

# Whoever submits the series puts their own name on it: apply --signoff.
_AUTHOR = 'The ironic-async-events maintainers'
_ADDRESS = 'ironic-async-events@localhost'


class Repository:
    """A git work tree."""

    def __init__(self, directory: pathlib.Path) -> None:
        self.directory = directory

    def run(self, *args: str, text: str = '', own: bool = False) -> str:
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
            raise errors.Refusal(f'git {args[0]}: {lines[-1]}')
        return result.stdout

    def check_usable(self) -> None:
        """Refuse what is no clean work tree with a commit."""
        try:
            top = self.run('rev-parse', '--show-toplevel').strip()
            self.run('rev-parse', '--verify', 'HEAD')
        except (errors.Refusal, OSError):
            raise errors.Refusal(
                f'{self.directory} is no git work tree with a commit; make '
                'one of an unpacked source distribution with: git init, '
                'git add -fA, git commit'
            ) from None
        if pathlib.Path(top).resolve() != self.directory.resolve():
            raise errors.Refusal(
                f'{self.directory} is not the top of its work tree, {top}'
            )
        changes = self.run('status', '--porcelain').splitlines()
        if changes:
            raise errors.Refusal(
                f'{self.directory} has uncommitted changes '
                f'({changes[0].strip()}); commit or stash them first'
            )
