# SPDX-License-Identifier: Apache-2.0
"""What Ironic's own gate says of a source tree, without its unit tests.

The linters of Ironic's ``.pre-commit-config.yaml`` with their arguments, from
the package index: pre-commit would fetch them from where they are developed.
Then mypy, the samples and the documentation. The hooks for whitespace, line
ends and the like are not here.
"""

import dataclasses
import os
import pathlib
import subprocess
import sys

from patchset import git

_SPHINX = ('sphinx-build', '-W', '--keep-going', '-E', '-q', '-b', 'html')


@dataclasses.dataclass(frozen=True)
class Check:
    """One of the checks.

    :param name: what it is called
    :param command: the program and its arguments
    :param files: patterns of git; their files are arguments, too
    """

    name: str
    command: tuple[str, ...]
    files: tuple[str, ...] = ()


CHECKS = (
    Check('ruff', ('ruff', 'check', '--force-exclude'), ('*.py',)),
    Check('hacking', ('flake8',), ('ironic/*.py', 'api-ref/*.py', '*.wsgi')),
    Check('codespell', ('codespell',), ('*.py', '*.rst', '*.yaml', '*.sh')),
    Check(
        'sphinx-lint',
        ('sphinx-lint', '--enable=default-role'),
        ('doc/*.rst', 'releasenotes/*.rst', 'releasenotes/*.yaml'),
    ),
    Check('doc8', ('doc8',), ('*.rst',)),
    Check('bashate', ('bashate', '-iE006,E044', '-eE005,E042'), ('*.sh',)),
    Check(
        'bandit',
        *(
            ('bandit', '-q', '-n5', '-ll', '-c', 'tools/bandit.yml'),
            ('ironic/*.py', ':!ironic/tests'),
        ),
    ),
    Check(
        'names of release notes',
        ('python', 'tools/check-releasenotes.py'),
        ('releasenotes/notes/*.yaml',),
    ),
    Check('mypy', ('mypy', 'ironic')),
    Check(
        'sample of the configuration',
        (
            'oslo-config-generator',
            '--config-file=tools/config/ironic-config-generator.conf',
        ),
    ),
    Check(
        'sample of the policy',
        (
            'oslopolicy-sample-generator',
            '--config-file=tools/policy/ironic-policy-generator.conf',
        ),
    ),
    Check('documentation', (*_SPHINX, 'doc/source', 'doc/build/html')),
    Check('API reference', (*_SPHINX, 'api-ref/source', 'api-ref/build/html')),
)


def run(tree: pathlib.Path) -> int:
    """Run all checks, and print what each of them says.

    :param tree: a git work tree
    :returns: how many of them have found something
    """
    programs = pathlib.Path(sys.executable).parent
    environment = {
        **os.environ,
        'PATH': f'{programs}{os.pathsep}{os.environ["PATH"]}',
        'PYTHONPATH': str(tree),
    }
    repository = git.Repository(tree)
    failed = 0
    for check in CHECKS:
        files: tuple[str, ...] = ()
        if check.files:
            listed = repository.run('ls-files', '-z', '--', *check.files)
            files = tuple(filter(None, listed.split('\0')))
        done = subprocess.run(  # noqa: S603  # no shell
            [*check.command, *files],
            cwd=tree,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        print(f'{check.name}: {"findings" if done.returncode else "clean"}')
        if done.returncode:
            print(done.stdout)
            failed += 1
        sys.stdout.flush()
    return failed
