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
import runpy
import sys
from typing import Any

_HEADER = '''\
# SPDX-License-Identifier: Apache-2.0
"""Ironic's provision state machine as data.

Made by ``tools/generate_machine.py``; do not edit by hand. It is the union
of the releases named in :data:`RELEASES`.
"""

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


def read_machine(release: str) -> dict[str, Any]:
    """Read Ironic's machine into plain containers.

    :param release: the name of the release it came from.
    :returns: the names that the written module defines, with their values.
    """
    states = importlib.import_module('ironic.common.states')
    machine = machine_of_ironic()
    transitions: dict[str, dict[str, set[str]]] = {}
    for old, event, new in machine:
        transitions.setdefault(old, {}).setdefault(event, set()).add(new)
    return {
        'RELEASES': {release},
        'STABLE': set(states.STABLE_STATES),
        'UNSTABLE': set(states.UNSTABLE_STATES),
        'TARGETS': {
            name: {machine._states[name]['target']} for name in machine.states
        },
        'TRANSITIONS': transitions,
    }


def merge(ours: Any, theirs: Any) -> Any:
    """Return the union of two values that were read from machines.

    :param ours: dict or collection of names.
    :param theirs: the same kind of value from another release.
    :returns: the union, with sets at the leaves.
    """
    if isinstance(ours, dict):
        return {
            key: merge(ours[key], theirs[key])
            if key in ours and key in theirs
            else ours.get(key, theirs.get(key))
            for key in {**ours, **theirs}
        }
    return set(ours) | set(theirs)


def _literal(value: Any, indent: str = '') -> str:
    """Write dicts and collections of names as ruff-format would."""
    inner = indent + '    '
    if isinstance(value, dict):
        rows = [
            f'{inner}{key!r}: {_literal(value[key], inner)},\n'
            for key in sorted(value)
        ]
        return '{\n' + ''.join(rows) + indent + '}'
    names = sorted(value, key=lambda item: item or '')
    if len(names) == 1:
        return f'({names[0]!r},)'
    rows = [f'{inner}{name!r},\n' for name in names]
    return '(\n' + ''.join(rows) + indent + ')'


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--merge', help='a module written before')
    parser.add_argument('--release', help="default: the installed Ironic's")
    args = parser.parse_args()
    release = args.release
    if release is None:
        metadata = importlib.import_module('importlib.metadata')
        release = metadata.version('ironic')
    found = read_machine(release)
    if args.merge:
        found = merge(runpy.run_path(args.merge), found)
    sys.stdout.write(_HEADER)
    kinds = {
        'RELEASES': 'tuple[str, ...]',
        'STABLE': 'tuple[str, ...]',
        'UNSTABLE': 'tuple[str, ...]',
        'TARGETS': 'dict[str, tuple[str | None, ...]]',
        'TRANSITIONS': 'dict[str, dict[str, tuple[str, ...]]]',
    }
    for name, kind in kinds.items():
        end = '' if name == 'TRANSITIONS' else '\n'
        print(f'{name}: {kind} = {_literal(found[name])}{end}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
