# SPDX-License-Identifier: Apache-2.0
"""What each test process says of the plugin, for only it can see it.

The processes are stestr's: the runner starts stestr, stestr starts one
process to list the tests and one per worker. Each refuses to load a test
where the plugin is not what it should be, and complains if it is not at the
end.
"""

import atexit
from collections.abc import Sequence
import os
import pathlib
import sys

#: Where the processes leave their files.
DIRECTORY = 'UPSTREAM_TESTIMONY'
#: The Ironic package or module to load.
SUITE = 'UPSTREAM_SUITE'
#: What the plugin must be: "active", or "absent" on stock Ironic.
PLUGIN = 'UPSTREAM_PLUGIN'


def plugin_state() -> str:
    """Return 'active' on a patched Ironic, 'absent', or what is wrong."""
    if 'ironic_async_events.patching' not in sys.modules:
        return 'absent'
    from ironic_async_events import patching

    state = patching.state()
    if not state.active:
        return f'inactive ({state})'
    # What the plugin says of itself is not all: is it what Ironic uses?
    task_manager = sys.modules['ironic.conductor.task_manager']
    if task_manager.TaskManager.__module__ == task_manager.__name__:
        return 'bypassed'
    return 'active'


def testify(tests: Sequence[str]) -> None:
    """Say which tests were loaded; complain of the plugin, now or at exit.

    :raises RuntimeError: when the plugin is not what it should be
    """
    pid, wanted = os.getpid(), os.environ[PLUGIN]
    directory = pathlib.Path(os.environ[DIRECTORY])
    if (state := plugin_state()) != wanted:
        raise RuntimeError(f'the plugin is {state}, not {wanted}')
    if '--list' in sys.argv:
        (directory / 'tests').write_text('\n'.join(tests))

    def complain() -> None:
        # A test may fork: only the process that loaded the tests complains.
        if os.getpid() == pid and (state := plugin_state()) != wanted:
            text = f'the plugin is {state} at the end, not {wanted}'
            (directory / f'{pid}.complaint').write_text(text)

    atexit.register(complain)


def hear(directory: pathlib.Path) -> tuple[set[str], list[str]]:
    """Return the tests that were loaded, and what the processes say."""
    complaints = [x.read_text() for x in directory.glob('*.complaint')]
    listed = directory / 'tests'
    tests = set(listed.read_text().split()) if listed.exists() else set()
    return tests, complaints if tests else [*complaints, 'no test was loaded']
