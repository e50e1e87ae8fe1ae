# SPDX-License-Identifier: Apache-2.0
"""Run Ironic's own unit tests with the plugin and judge the result."""

import argparse
import collections
import importlib.metadata
import importlib.util
import os
import pathlib
import sys
import tempfile

from laboratory import command
from laboratory import processes
from laboratory import results
from laboratory.upstream import expectations
from laboratory.upstream import testimony

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[1]
_SHOWN = 50
_WORKERS = 2
#: All of Ironic's tests take some minutes.
_SECONDS = 3600


def _source_tree(directory: pathlib.Path) -> pathlib.Path:
    """Lay out the files, not the modules, that the tests look for."""
    spec = importlib.util.find_spec('ironic')
    assert spec is not None and spec.submodule_search_locations
    package = directory / 'ironic'
    package.mkdir(parents=True)
    for path in pathlib.Path(spec.submodule_search_locations[0]).iterdir():
        if path.name not in ('__init__.py', '__pycache__'):
            (package / path.name).symlink_to(path)
    return directory


def _run(
    args: argparse.Namespace, scratch: pathlib.Path
) -> tuple[list[str], bytes]:
    """Return what went wrong with the run itself, and its results."""
    (scratch / 'testimony').mkdir()
    process = processes.Process(
        'stestr',
        [
            *('env', f'--chdir={_source_tree(scratch / "tree")}'),
            *(sys.executable, '-m', 'stestr', '--repo-url', str(scratch)),
            *('--test-path', str(HERE / 'suite'), '--top-dir', str(ROOT)),
            *('run', '--subunit', f'--concurrency={_WORKERS}'),
        ],
        scratch / 'stream',
        {
            # Some tests of drivers sleep for the 60 s after which Ironic's
            # tests kill their process by default.
            'BASE_TEST_TIMEOUT': os.environ.get('BASE_TEST_TIMEOUT', '600'),
            testimony.SUITE: args.suite,
            testimony.PLUGIN: 'absent' if args.stock else 'active',
            testimony.DIRECTORY: str(scratch / 'testimony'),
        },
    )
    with process.start():
        code = process.end(_SECONDS)
    complaints = []
    if code is None:
        complaints.append(f'stopped after {_SECONDS} seconds')
    elif code:
        complaints.append(f'stestr ended with code {code}')
    return complaints, process.log.read_bytes()


def main() -> int:
    """Return 0 when the run is proven and as expected, 2 without a list."""
    parser = command.parser(
        'upstream',
        __doc__,
        suite=(
            'ironic.tests.unit.conductor',
            'package, module or class to run',
        ),
        stock=(False, 'run without the plugin; no failure is expected then'),
    )
    args = parser.parse_args()
    return command.run('upstream', lambda: _work(args))


def _work(args: argparse.Namespace) -> int:
    ironic = importlib.metadata.version('ironic')
    listed = expectations.read(HERE / f'expected-{ironic}.txt')
    known = {
        test_id
        for test_id in listed
        if not args.stock and f'{test_id}.'.startswith(f'{args.suite}.')
    }
    plugin = 'without' if args.stock else 'with'
    print(f'{args.suite} of Ironic {ironic}, {plugin} the plugin', flush=True)
    with tempfile.TemporaryDirectory() as name:
        scratch = pathlib.Path(name)
        complaints, stream = _run(args, scratch)
        loaded, heard = testimony.hear(scratch / 'testimony')
    complaints += heard
    tests = results.read(stream)
    statuses = {test_id: one['status'] for test_id, one in tests.items()}
    wrong = expectations.contradictions(statuses, loaded, known)
    for test_id in sorted(wrong['failed, not listed']):
        print(f'\n{test_id} ... {statuses[test_id]}')
        for name, detail in sorted(tests[test_id]['details'].items()):
            print(f'--- {name}\n{detail.as_text()}')
    for title, ids in wrong.items():
        # When a worker dies, most tests never end: enough is enough.
        for test_id in sorted(ids)[:_SHOWN]:
            print(f'{title}: {test_id}')
    for complaint in complaints:
        print(f'not proven: {complaint}')
    counts = collections.Counter(statuses.values())
    print(f'{len(loaded)} tests, {len(known)} to fail: {dict(counts)}')
    return int(any((*wrong.values(), complaints)))


if __name__ == '__main__':
    sys.exit(main())
