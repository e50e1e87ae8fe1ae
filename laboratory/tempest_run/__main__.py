# SPDX-License-Identifier: Apache-2.0
"""Both sides, compared test by test, and what the audit heard."""

import argparse
import collections
from collections.abc import Sequence
import pathlib
import sys

from laboratory import command
from laboratory import service
from laboratory.tempest_run import side
from laboratory.tempest_run import suite

_STOCK, _PLUGIN, _PATCHED = 'stock', 'plugin', 'patched'


def main(arguments: Sequence[str] | None = None) -> int:
    """Run tempest and print what came of it; 0 if it is not worse."""
    parsed = _parse(arguments)

    def work() -> int:
        results: dict[str, side.Result] = {}
        print('environments of keystone and tempest', flush=True)
        commands = {
            name: suite.environment(parsed.environments, name)
            for name in suite.REQUIREMENTS
        }
        for name in parsed.sides:
            print(f'{name}: starting', flush=True)
            keep = parsed.keep / name if parsed.keep else None
            results[name] = side.run(
                name == _PLUGIN,
                commands,
                parsed.tests,
                parsed.bus,
                keep,
                parsed.tree if name == _PATCHED else None,
            )
            _print_side(name, results[name])
        return _judge(results)

    return command.run('tempest', work)


def _judge(results: dict[str, side.Result]) -> int:
    code = 0
    for name, result in results.items():
        if name != _STOCK and result.findings:
            print(f'{name}: the audit found something.')
            code = 1
    statuses = [result.statuses for result in results.values()]
    if len(statuses) == 1:
        # Nothing to compare with: every failure counts.
        return code or int(not set(statuses[0].values()) <= {*suite.GOOD})
    stock, other = statuses
    for title, tests in (
        ('worse than stock', suite.worse(stock, other)),
        ('better than stock', suite.worse(other, stock)),
    ):
        print('\n  '.join((f'{title}: {len(tests)}', *tests)))
    return code or int(not suite.acceptable(stock, other))


def _print_side(name: str, result: side.Result) -> None:
    counts = dict(collections.Counter(result.statuses.values()))
    print(f'{name}: {counts} of the tests in {result.seconds:.0f} s')
    for test, status in sorted(result.statuses.items()):
        if status not in suite.GOOD:
            print(f'  {status}: {test}')
    audited = result.audited
    found = ', '.join(
        f'{count} {kind.value}' for kind, count in audited.counts.items()
    )
    print(
        f'  audit of {audited.checked} notifications: {found}, '
        f'{audited.malformed} malformed'
    )
    account = result.account
    print(
        f'  {account.expected} changes were committed: {account.in_order} '
        f'announced in order, {account.out_of_order} out of order, '
        f'{account.lost} not announced'
    )
    for violation in audited.violations[:10]:
        print(f'  {violation.kind.value}: {violation.detail}')


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = command.parser(
        'tempest_run',
        __doc__,
        environments=(
            pathlib.Path(sys.prefix, 'environments'),
            'where virtual environments are kept',
        ),
        tests=(suite.TESTS, 'a regular expression'),
        keep=(pathlib.Path, 'keep logs, recordings and results there'),
        bus=(False, 'with RabbitMQ, where the tests hear the notifications'),
    )
    parser.add_argument(
        '--side',
        dest='sides',
        choices=('both', _STOCK, _PLUGIN, _PATCHED),
        default='both',
        help='run one side only; then every failure counts',
    )
    parser.add_argument(
        '--tree',
        type=service.patched_tree,
        help='run this patched source tree of Ironic instead of the plugin',
    )
    parsed = parser.parse_args(arguments)
    both = _STOCK, _PATCHED if parsed.tree else _PLUGIN
    parsed.sides = both if parsed.sides == 'both' else (parsed.sides,)
    if (_PATCHED in parsed.sides) != bool(parsed.tree):
        parser.error('--tree belongs to the side "patched"')
    parsed.environments = parsed.environments.resolve()
    return parsed


if __name__ == '__main__':
    sys.exit(main())
