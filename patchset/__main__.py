# SPDX-License-Identifier: Apache-2.0
"""Writes the proposal into a source tree of Ironic.

Nothing is changed unless every commit that is asked for fits.
"""

import argparse
import pathlib
import sys

from patchset import errors
from patchset import series
from patchset import tree as trees


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='patchset',
        description='Write the proposal into a source tree of Ironic, as a '
        'series of commits. TREE is a git work tree: a clone, or an unpacked '
        'source distribution in which "git init", "git add -fA" and "git '
        'commit" were run.',
    )
    commands = parser.add_subparsers(dest='command', required=True)
    apply = commands.add_parser(
        'apply', help='write the commits and say what each of them did'
    )
    apply.add_argument('tree', type=pathlib.Path, metavar='TREE')
    apply.add_argument(
        '--branch', metavar='NAME', help='make this branch for them first'
    )
    apply.add_argument(
        '--upto', type=int, metavar='N', help='stop after commit N'
    )
    apply.add_argument('--only', type=int, metavar='N', help='commit N alone')
    export = commands.add_parser(
        'export', help='write the commits of a tree as files for "git am"'
    )
    export.add_argument('tree', type=pathlib.Path, metavar='TREE')
    export.add_argument('directory', type=pathlib.Path, metavar='DIR')
    check = commands.add_parser(
        'check', help='say what a tree is, and whether the series fits'
    )
    check.add_argument('tree', type=pathlib.Path, metavar='TREE')
    for command in (apply, check):
        command.add_argument(
            '--release',
            choices=[release.version for release in trees.KNOWN],
            help='try what is known of this release; for a tree of which '
            'nobody has said that it fits, such as the master branch',
        )
    commands.add_parser('list', help='list the commits')
    return parser


def _wanted(
    args: argparse.Namespace, present: dict[int, str]
) -> list[series.Commit]:
    commits = series.commits()
    for number in (args.upto, args.only):
        if number is not None and not 1 <= number <= len(commits):
            raise errors.Refusal(
                f'there is no commit {number}; the series has 1 to '
                f'{len(commits)}'
            )
    if args.only is not None:
        commits = [commits[args.only - 1]]
    elif args.upto is not None:
        commits = commits[: args.upto]
    wanted = [c for c in commits if c.number not in present]
    if not wanted:
        numbers = ', '.join(str(c.number) for c in commits)
        raise errors.Refusal(
            f'{args.tree} already has what is asked for (commits {numbers})'
        )
    return wanted


def _apply(args: argparse.Namespace) -> None:
    tree = trees.Tree(args.tree)
    tree.repository.check_usable()
    release = tree.identify(args.release)
    wanted = _wanted(args, series.applied(tree))
    made = series.make(tree, release, wanted)
    if args.branch:
        tree.repository.run('switch', '--quiet', '--create', args.branch)
    print(f'Ironic {release.version} in {args.tree}')
    for each in made:
        summary = series.write(tree, each)
        print(f'{each.commit.number}. {each.commit.subject}')
        print(f'   {summary}')


def _export(args: argparse.Namespace) -> None:
    tree = trees.Tree(args.tree)
    tree.repository.check_usable()
    for name in series.export(tree, args.directory):
        print(args.directory / name)


def _check(args: argparse.Namespace) -> None:
    tree = trees.Tree(args.tree)
    tree.repository.check_usable()
    release = tree.identify(args.release)
    present = series.applied(tree)
    commits = series.commits()
    missing = [c for c in commits if c.number not in present]
    print(f'Ironic {release.version} (OpenStack {release.openstack})')
    if not missing:
        print(f'the whole series, commits 1 to {len(commits)}')
        return
    if present:
        numbers = ', '.join(str(number) for number in sorted(present))
        print(f'in part: commits {numbers} of {len(commits)}')
    else:
        print('stock: no commit of the series')
    series.make(tree, release, missing)
    print('what is missing fits')


def _list(args: argparse.Namespace) -> None:
    for commit in series.commits():
        print(f'{commit.number}. {commit.subject}')


def main(argv: list[str] | None = None) -> int:
    """Run the program.

    :returns: 0; 1 when it refuses, 2 when the arguments are wrong
    """
    args = _parser().parse_args(argv)
    command = {
        'apply': _apply,
        'export': _export,
        'check': _check,
        'list': _list,
    }[args.command]
    try:
        command(args)
    except errors.Refusal as e:
        print(f'patchset: {e}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
