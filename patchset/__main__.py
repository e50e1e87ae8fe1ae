# SPDX-License-Identifier: Apache-2.0
"""Writes the proposal into a source tree of Ironic.

Nothing is changed unless every commit that is asked for fits.
"""

import argparse
import pathlib
import sys

from patchset import edit
from patchset import script
from patchset import series
from patchset import tree as trees


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='patchset', description=__doc__)
    commands = parser.add_subparsers(dest='command', required=True)
    apply = commands.add_parser('apply', help='write the commits')
    export = commands.add_parser('export', help='write files for "git am"')
    check = commands.add_parser('check', help='say whether the series fits')
    for command in (apply, export, check):
        command.add_argument('tree', type=pathlib.Path, metavar='TREE')
    export.add_argument('directory', type=pathlib.Path, metavar='DIR')
    apply.add_argument('--branch', help='make this branch for them first')
    apply.add_argument('--signoff', action='store_true', help='as yourself')
    for command in (apply, check):
        which = command.add_mutually_exclusive_group()
        which.add_argument('--upto', metavar='N', help='stop after commit N')
        which.add_argument('--only', metavar='N', help='N, or "backport"')
    return parser


def _wanted(args: argparse.Namespace) -> list[script.Commit]:
    if args.only == 'backport':
        return series.commits('backport*')
    commits = series.commits()
    number = args.only or args.upto
    if number is None:
        return commits
    if number not in map(str, range(1, len(commits) + 1)):
        raise edit.Refusal(
            f'there is no commit {number}; the series has 1 to {len(commits)}'
        )
    return commits[int(number) - 1 if args.only else 0 : int(number)]


def _apply(args: argparse.Namespace) -> None:
    tree = trees.Tree(args.tree)
    tree.check_usable()
    wanted = _wanted(args)
    present = series.applied(tree, wanted)
    made = [(c, c.make(tree)) for c in wanted if c.name not in present]
    if args.command == 'check':
        print(f'{args.tree} has commits: {", ".join(present) or "none"}')
        print('what is missing fits' if made else 'nothing is missing')
        return
    if not made:
        raise edit.Refusal(f'{args.tree} already has what is asked for')
    if args.branch:
        tree.git('switch', '--quiet', '--create', args.branch)
    for commit, files in made:
        summary = tree.commit(commit.message, files, args.signoff)
        print(f'{commit.number}. {commit.subject}\n   {summary}')


def main(argv: list[str] | None = None) -> int:
    """Run the program; return 1 when it refuses."""
    args = _parser().parse_args(argv)
    try:
        if args.command == 'export':
            tree = trees.Tree(args.tree)
            tree.check_usable()
            print(*series.export(tree, args.directory), sep='\n')
        else:
            _apply(args)
    except edit.Refusal as e:
        print(f'patchset: {e}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
