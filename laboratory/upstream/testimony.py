# SPDX-License-Identifier: Apache-2.0
"""What each test process saw of the plugin, told through one file each.

The processes are stestr's: the runner starts stestr, stestr starts one
process to list the tests and one per worker. Only the process itself can say
whether the plugin was active in it, and only at its end whether it still was.
"""

import atexit
from collections.abc import Sequence
import dataclasses
import json
import os
import pathlib
import sys

#: Where the processes leave their files.
DIRECTORY = 'UPSTREAM_TESTIMONY'
#: The Ironic package or module to load.
SUITE = 'UPSTREAM_SUITE'
#: "1": with the plugin; "0": stock Ironic.
PLUGIN = 'UPSTREAM_PLUGIN'


@dataclasses.dataclass(frozen=True)
class Testimony:
    lists: bool
    tests: Sequence[str]
    at_start: str
    at_end: str | None = None


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
    """Leave this process's account now, and complete it at exit."""
    pid = os.getpid()
    path = pathlib.Path(os.environ[DIRECTORY]) / f'{pid}.json'
    account = Testimony('--list' in sys.argv, tests, plugin_state())
    path.write_text(json.dumps(vars(account)))

    def complete() -> None:
        # A test may fork: only the process that testified completes.
        if os.getpid() == pid:
            whole = vars(account) | {'at_end': plugin_state()}
            path.write_text(json.dumps(whole))

    atexit.register(complete)


def hear(directory: pathlib.Path) -> list[Testimony]:
    return [
        Testimony(**json.loads(path.read_text()))
        for path in sorted(directory.glob('*.json'))
    ]


def objections(accounts: Sequence[Testimony], wanted: str) -> list[str]:
    """Say why the accounts do not prove that the run was what it claims."""
    roles = {account.lists for account in accounts}
    lines = [
        f'no process {what} the tests'
        for lists, what in ((True, 'listed'), (False, 'ran'))
        if lists not in roles
    ]
    for account in accounts:
        who = 'the listing process' if account.lists else 'a worker'
        states = {'start': account.at_start, 'end': account.at_end}
        for when, state in states.items():
            if state is None:
                lines.append(f'{who} died before its end')
            elif state != wanted:
                lines.append(
                    f'{who} had the plugin {state} at its {when}, not {wanted}'
                )
    return lines
