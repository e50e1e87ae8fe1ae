# SPDX-License-Identifier: Apache-2.0
"""Apply the series to a source distribution, and run Ironic's unit tests.

Usage: ``python -m patchset.trial [--each] [--gate]``, in an environment that
has the release of Ironic with what its unit tests, or the tools of its gate,
need.
"""

import argparse
import importlib.metadata
import os
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile

from patchset import __main__ as program
from patchset import gate
from patchset import git
from patchset import series
from patchset import tree as trees
from patchset.commits import no_callbacks

SUITE = 'ironic/tests/unit/conductor'


def unpack(release: str, directory: pathlib.Path) -> pathlib.Path:
    """Make a git work tree of a source distribution.

    :param release: such as ``39.0.0``
    :param directory: an empty directory
    :returns: the work tree
    """
    subprocess.run(  # noqa: S603  # no shell
        [
            *(sys.executable, '-m', 'pip', 'download', '--quiet'),
            *('--no-deps', '--no-binary', 'ironic'),
            *('--dest', str(directory), f'ironic=={release}'),
        ],
        check=True,
    )
    (archive,) = directory.glob('ironic-*.tar.gz')
    with tarfile.open(archive) as file:
        file.extractall(directory, filter='data')
    tree = directory / archive.name.removesuffix('.tar.gz')
    repository = git.Repository(tree)
    repository.run('init', '--quiet')
    repository.run('add', '--all', '--force')
    repository.run('commit', '--quiet', '-m', f'Ironic {release}')
    return tree


def leftovers(tree: pathlib.Path) -> list[str]:
    """Return each line that mentions what the whole series has removed."""
    words = '|'.join(('err_handler', *no_callbacks.HANDLERS))
    call = r'process_event\((?:[^()]|\([^()]*\))*\bcall(?:back|_args|_kwargs)='
    removed = re.compile(rf'\b(?:{words})\b|{call}')
    lines = []
    for path in sorted((tree / 'ironic').rglob('*.py')):
        text = path.read_text()
        for found in removed.finditer(text):
            number = text.count('\n', 0, found.start()) + 1
            lines.append(f'{path}:{number}: {found[0]}')
    return lines


def run_tests(tree: pathlib.Path, suite: str) -> int:
    """Run unit tests of a tree; return the exit code of stestr."""
    environment = {
        'BASE_TEST_TIMEOUT': '600',
        'OS_LOG_CAPTURE': '1',
        **os.environ,
        'PYTHONPATH': str(tree),
        'TESTS_DIR': str(tree / suite),
    }
    # TESTS_PATH is the name that this repository's own configuration has.
    command = [sys.executable, '-m', 'stestr']
    results = tree.parent / 'stestr'
    results.mkdir(exist_ok=True)
    repository = ['--repo-url', str(results)]
    if not (results / '.stestr').exists():
        subprocess.run(  # noqa: S603  # no shell
            [*command, *repository, 'init'],
            cwd=tree,
            env=environment,
            check=True,
        )
    return subprocess.run(  # noqa: S603  # no shell
        [*command, *repository, 'run', '--suppress-attachments'],
        cwd=tree,
        env=environment,
        check=False,
    ).returncode


def main() -> int:
    """Run the command.

    :returns: the exit code: 0 when all tests pass
    """
    parser = argparse.ArgumentParser(
        prog='python -m patchset.trial',
        description='Apply the series to a source distribution and run '
        "Ironic's unit tests.",
    )
    parser.add_argument(
        '--each', action='store_true', help='test after every commit'
    )
    parser.add_argument(
        '--gate',
        action='store_true',
        help="run the rest of Ironic's gate, and no unit tests",
    )
    parser.add_argument(
        '--suite', default=SUITE, help='directory (default: %(default)s)'
    )
    args = parser.parse_args()
    release = importlib.metadata.version('ironic')
    count = len(series.commits())
    with tempfile.TemporaryDirectory() as name:
        tree = unpack(release, pathlib.Path(name))
        for number in range(1, count + 1) if args.each else (count,):
            code = program.main(['apply', str(tree), '--upto', str(number)])
            code = code or (
                gate.run(tree) if args.gate else run_tests(tree, args.suite)
            )
            if code:
                print(f'failed after commit {number}', file=sys.stderr)
                return 1
        left = leftovers(tree)
        if left:
            print(*left, sep='\n', file=sys.stderr)
            return 1
        shown = ', '.join(
            str(n) for n in sorted(series.applied(trees.Tree(tree)))
        )
        print(f'Ironic {release} with commits {shown}: all is well')
    return 0


if __name__ == '__main__':
    sys.exit(main())
