# SPDX-License-Identifier: Apache-2.0
"""Apply the series to a source distribution, and run a command in its tree.

Run it in an environment that has the release of Ironic.
"""

import argparse
import importlib.metadata
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from patchset import __main__ as program
from patchset import series
from patchset import tree as trees


def unpack(release: str, directory: pathlib.Path) -> pathlib.Path:
    """Make a git work tree of a source distribution, such as of 39.0.0."""
    pip = [sys.executable, '-m', 'pip', 'download', '--quiet', '--no-deps']
    pip += ['--no-binary', 'ironic', '--no-build-isolation']
    pip += ['--dest', str(directory), f'ironic=={release}']
    subprocess.run(pip, check=True)  # noqa: S603  # no shell
    (archive,) = directory.glob('ironic-*.tar.gz')
    shutil.unpack_archive(archive, directory, filter='data')
    tree = directory / archive.name.removesuffix('.tar.gz')
    git = trees.Tree(tree).git
    git('init', '--quiet')
    git('add', '--all', '--force')
    git('commit', '--quiet', '-m', f'Ironic {release}')
    return tree


def main() -> int:
    """Run the command; return 0 when it succeeds after each commit."""
    parser = argparse.ArgumentParser(prog='python -m patchset.trial')
    parser.add_argument('--each', action='store_true')
    parser.add_argument('--only', help='apply this commit alone')
    parser.add_argument('command', nargs=argparse.REMAINDER)
    args = parser.parse_args()
    release = importlib.metadata.version('ironic')
    last = len(series.commits())
    first = 1 if args.each else last
    steps = [['--upto', str(number)] for number in range(first, last + 1)]
    if args.only:
        steps = [['--only', args.only]]
    with tempfile.TemporaryDirectory() as name:
        tree = unpack(release, pathlib.Path(name))
        environment = {**os.environ, 'PYTHONPATH': str(tree)}
        for step in steps:
            if program.main(['apply', str(tree), *step]):
                return 1
            done = subprocess.run(  # noqa: S603  # no shell
                args.command, cwd=tree, env=environment, check=False
            )
            if done.returncode:
                print('failed after', *step, file=sys.stderr)
                return done.returncode
    return 0


if __name__ == '__main__':
    sys.exit(main())
