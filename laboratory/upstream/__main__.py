# SPDX-License-Identifier: Apache-2.0
"""Run Ironic's own unit tests with the plugin and judge the result.

Usage: ``python -m laboratory.upstream [--stock]``
"""

import argparse
from collections.abc import Callable
import importlib.metadata
import importlib.util
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
from typing import Any

import subunit
import testtools

from laboratory.upstream import expectations
from laboratory.upstream import testimony

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[1]
#: When a worker dies, most tests never end: enough is enough.
SHOWN = 10
_WORKERS = 2
#: All of Ironic's tests take some minutes.
_SECONDS = 3600


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='python -m laboratory.upstream',
        description="Run Ironic's own unit tests with the plugin active.",
    )
    parser.add_argument(
        '--suite',
        default='ironic.tests.unit.conductor',
        help='package, module or class to run (default: %(default)s)',
    )
    parser.add_argument(
        '--stock',
        action='store_true',
        help='run without the plugin; no failure is expected then',
    )
    return parser.parse_args()


def _source_tree(directory: pathlib.Path) -> pathlib.Path:
    """Lay out Ironic's files as its tests find them from its source tree.

    Some of them open ``ironic/tests/...``. Nothing is imported from there:
    without ``__init__.py``, the package that is installed goes first.
    """
    spec = importlib.util.find_spec('ironic')
    assert spec is not None and spec.submodule_search_locations
    package = directory / 'ironic'
    package.mkdir(parents=True)
    for path in pathlib.Path(spec.submodule_search_locations[0]).iterdir():
        if path.name not in ('__init__.py', '__pycache__'):
            (package / path.name).symlink_to(path)
    return directory


def _run(
    args: argparse.Namespace,
    scratch: pathlib.Path,
    on_test: Callable[[dict[str, Any]], None],
) -> list[str]:
    """Run stestr over the suite."""
    environment = {
        # Some tests of drivers sleep for the 60 s after which Ironic's tests
        # kill their process by default.
        'BASE_TEST_TIMEOUT': '600',
        **os.environ,
        testimony.SUITE: args.suite,
        testimony.PLUGIN: '0' if args.stock else '1',
        testimony.DIRECTORY: str(scratch / 'testimony'),
    }
    (scratch / 'testimony').mkdir()
    command = [sys.executable, '-m', 'stestr']
    command += ['--repo-url', str(scratch)]
    command += ['--test-path', str(HERE / 'suite'), '--top-dir', str(ROOT)]
    command += ['run', '--subunit', f'--concurrency={_WORKERS}']
    # A session of its own, so that a run that hangs ends with its workers.
    stestr = subprocess.Popen(
        command,
        cwd=_source_tree(scratch / 'tree'),
        env=environment,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    complaints = []

    def stop() -> None:
        complaints.append(f'stopped after {_SECONDS} seconds')
        os.killpg(stestr.pid, signal.SIGKILL)

    timer = threading.Timer(_SECONDS, stop)
    timer.start()
    try:
        stream = testtools.StreamToDict(on_test)
        stream.startTestRun()
        subunit.ByteStreamToStreamResult(
            stestr.stdout, non_subunit_name='output'
        ).run(stream)
        stream.stopTestRun()
        code = stestr.wait()
    except BaseException:
        os.killpg(stestr.pid, signal.SIGKILL)
        raise
    finally:
        timer.cancel()
    if code:
        complaints.append(f'stestr ended with code {code}')
    return complaints


def main() -> int:
    """Run the command.

    :returns: the exit code: 0 when the run is proven and as expected, 1 when
        it is not, 2 when the arguments are wrong.
    """
    ironic = importlib.metadata.version('ironic')
    args = _arguments()
    results: dict[str, str] = {}
    try:
        listed = expectations.read(HERE / f'expected-{ironic}.txt')
    except expectations.BadList as exc:
        print(exc, file=sys.stderr)
        return 2
    known = {
        test_id
        for test_id in listed
        if not args.stock and f'{test_id}.'.startswith(f'{args.suite}.')
    }

    def on_test(test: dict[str, Any]) -> None:
        test_id, status = test['id'], test['status']
        results[test_id] = status
        good = status in expectations.GOOD or status in ('skip', 'exists')
        if not good and test_id not in known:
            print(f'\n{test_id} ... {status}')
            for name, detail in sorted(test['details'].items()):
                print(f'--- {name}\n{detail.as_text()}', flush=True)

    plugin = 'without' if args.stock else 'with'
    print(f'{args.suite} of Ironic {ironic}, {plugin} the plugin', flush=True)
    with tempfile.TemporaryDirectory() as name:
        scratch = pathlib.Path(name)
        complaints = _run(args, scratch, on_test)
        accounts = testimony.hear(scratch / 'testimony')
    complaints += testimony.objections(
        accounts, 'absent' if args.stock else 'active'
    )
    loaded = {test_id for a in accounts if a.lists for test_id in a.tests}
    verdict = expectations.judge(results, loaded, known)
    if not loaded:
        complaints.append('no test was loaded')
    for title, tests in (
        ('failed, not listed', verdict.unexpected),
        ('listed, but did not fail', verdict.stale),
    ):
        for test_id in sorted(tests):
            print(f'{title}: {test_id}')
    unfinished = sorted(verdict.unfinished)
    for test_id in unfinished[:SHOWN]:
        print(f'never ended: {test_id}')
    if unfinished[SHOWN:]:
        print(f'never ended: {len(unfinished[SHOWN:])} more')
    for complaint in complaints:
        print(f'not proven: {complaint}')
    print('======\nTotals\n======')
    ended = len(loaded | results.keys()) - len(verdict.unfinished)
    print(f'Ran: {ended} of {len(loaded)} tests')
    print(f' - Passed: {len(verdict.passed)}')
    print(f' - Skipped: {len(verdict.skipped)}')
    print(f' - Expected Fail: {len(verdict.expected)}')
    print(f' - Failed: {verdict.failed}')
    return 0 if verdict.good and not complaints else 1


if __name__ == '__main__':
    sys.exit(main())
