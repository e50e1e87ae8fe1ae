# SPDX-License-Identifier: Apache-2.0
"""Read what stestr has recorded of its last run."""

from collections.abc import Mapping
from collections.abc import Sequence
import io
import os
import pathlib
import subprocess
from typing import Any

import subunit
import testtools


def last(
    stestr: Sequence[str], directory: pathlib.Path, environment: Mapping = {}
) -> dict[str, dict[str, Any]]:
    """Ask a stestr, whose repository is in a directory, for its last run."""
    done = subprocess.run(
        [*stestr, 'last', '--subunit'],
        cwd=directory,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    return read(done.stdout)


def read(stream: bytes) -> dict[str, dict[str, Any]]:
    """Read subunit: tests, and what failed before its first test."""
    tests: dict[str, dict[str, Any]] = {}
    results = testtools.StreamToDict(lambda x: tests.update({x['id']: x}))
    results.startTestRun()
    subunit.ByteStreamToStreamResult(
        io.BytesIO(stream), non_subunit_name='output'
    ).run(results)
    results.stopTestRun()
    tests.pop('output', None)
    return {k: one for k, one in tests.items() if one['status'] != 'exists'}
