#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write Ironic's provision state machine down as data for the audit.

The audit must not import Ironic, so it carries the table of the machine as
a module of literals. This script makes that module from the Ironic that the
running interpreter imports. Run once for each supported release with
``--merge``, it makes the union of them::

    python tools/generate_machine.py > table.py
    PYTHONPATH=<older ironic> python tools/generate_machine.py \\
        --merge table.py > union.py
"""

import argparse
import importlib
import importlib.metadata
import runpy
from typing import Any

_MODULE = '''\
# SPDX-License-Identifier: Apache-2.0
"""Ironic's provision state machine as data.

Made by ``tools/generate_machine.py``; do not edit by hand. It is the union
of the releases named in :data:`RELEASES`.
"""

RELEASES: tuple[str, ...] = {RELEASES}
#: A conductor or an agent works on a node in these states.
UNSTABLE: tuple[str, ...] = {UNSTABLE}
#: Previous state, event, state.
STEPS: tuple[tuple[str, str, str], ...] = {STEPS}
STATES = frozenset(state for old, _, new in STEPS for state in (old, new))
EVENTS = frozenset(event for _, event, _ in STEPS)
#: Previous state -> event -> the states that it may lead to.
TRANSITIONS: dict[str, dict[str, tuple[str, ...]]] = {{}}
for _old, _event, _new in STEPS:
    _row = TRANSITIONS.setdefault(_old, {{}})
    _row[_event] = (*_row.get(_event, ()), _new)
'''


def machine_of_ironic() -> Any:
    """Return the machine of the Ironic that this interpreter imports.

    :returns: an instance of ``ironic.common.fsm.FSM``.
    """
    try:
        module = importlib.import_module('ironic.common.state_machine')
    except ImportError:
        # Until 2025.2 the machine lived beside the names of the states.
        module = importlib.import_module('ironic.common.states')
    return module.machine


def read_machine(release: str) -> dict[str, set[Any]]:
    """Return what the written module names, read from Ironic's machine."""
    states = importlib.import_module('ironic.common.states')
    return {
        'RELEASES': {release},
        'UNSTABLE': set(states.UNSTABLE_STATES),
        'STEPS': set(machine_of_ironic()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--merge', help='a module written before')
    parser.add_argument('--release', help="default: the installed Ironic's")
    args = parser.parse_args()
    release = args.release or importlib.metadata.version('ironic')
    found = read_machine(release)
    if args.merge:
        before = runpy.run_path(args.merge)
        for name, values in found.items():
            values.update(before[name])
    literals = {
        # As ruff-format writes them.
        name: '(\n' + ''.join(f'    {x!r},\n' for x in sorted(values)) + ')'
        for name, values in found.items()
    }
    print(_MODULE.format_map(literals), end='')


if __name__ == '__main__':
    main()
