# SPDX-License-Identifier: Apache-2.0
"""Clean recordings, made by walking through Ironic's state machine.

As a program it writes a file of any size, to measure the audit with::

    python -m ironic_async_events.tests.samples.recordings \\
        --notifications 1000000 --nodes 10000 > recording.jsonl
"""

import argparse
import datetime
import json
import random
import sys
import uuid

from ironic_async_events.audit import machine
from ironic_async_events.audit import observation as obs
from ironic_async_events.audit import rules
from ironic_async_events.audit import table

START = datetime.datetime(2026, 3, 1, 12)
_INTERFACES = (
    'bios',
    'boot',
    'console',
    'deploy',
    'inspect',
    'management',
    'network',
    'power',
    'raid',
    'rescue',
    'storage',
    'vendor',
)
_EMPTY = (
    'boot_mode',
    'chassis_uuid',
    'clean_step',
    'deploy_step',
    'description',
    'fault',
    'inspection_finished_at',
    'inspection_started_at',
    'instance_uuid',
    'last_error',
    'lessee',
    'maintenance_reason',
    'owner',
    'protected_reason',
    'resource_class',
    'retired_reason',
    'secure_boot',
    'target_power_state',
)
#: The target provision state in each state that has one.
TARGETS = {
    'adopt failed': 'active',
    'adopting': 'active',
    'clean failed': 'available',
    'clean hold': 'available',
    'clean wait': 'available',
    'cleaning': 'available',
    'deleting': 'available',
    'deploy failed': 'active',
    'deploy hold': 'active',
    'deploying': 'active',
    'inspect failed': 'manageable',
    'inspect wait': 'manageable',
    'inspecting': 'manageable',
    'rescue failed': 'rescue',
    'rescue wait': 'rescue',
    'rescuing': 'rescue',
    'service failed': 'active',
    'service hold': 'active',
    'service wait': 'active',
    'servicing': 'active',
    'unrescue failed': 'active',
    'unrescuing': 'active',
    'verifying': 'manageable',
    'wait call-back': 'active',
}


def status_of(previous, event, state):
    """Return the status with which Ironic announces a step."""
    if event in ('fail', 'error'):
        return 'error'
    match machine.is_unstable(previous), machine.is_unstable(state):
        case False, True:
            return 'start'
        case True, False:
            return 'end'
    return 'success'


def check(observations, unfinished_after=None, complete=False):
    """Check a whole recording; return all violations."""
    checker = rules.Checker(unfinished_after)
    found = []
    for seen in observations:
        found += checker.add(seen)
    return found + checker.finish(complete)


def walk(dice, length, start='enroll'):
    """Walk through the machine, at least so far, to a state of rest.

    :returns: a list of (event, previous state, state).
    """
    steps, here = [], start
    while len(steps) < length or machine.is_unstable(here):
        event = dice.choice(sorted(table.TRANSITIONS[here]))
        (new,) = table.TRANSITIONS[here][event]
        steps.append((event, here, new))
        here = new
    return steps


def rounds(dice, length):
    """Walk in the smallest circles that there are, inspection mostly."""
    steps = [
        ('manage', 'enroll', 'verifying'),
        ('done', 'verifying', 'manageable'),
    ]
    while len(steps) < length:
        steps.append(('inspect', 'manageable', 'inspecting'))
        if dice.random() < 0.3:
            steps.append(('wait', 'inspecting', 'inspect wait'))
            steps.append(('resume', 'inspect wait', 'inspecting'))
        steps.append(('done', 'inspecting', 'manageable'))
    return steps


def observations(steps, node='node-1', first=0.0, created='c1'):
    """Make the observations of a node's steps, a tenth of a second apart."""
    return [
        obs.Observation(
            f'{node}-{number}',
            node,
            'provision_set',
            status_of(previous, event, state),
            event,
            previous,
            state,
            publisher='ironic-conductor.one',
            time=first + number / 10,
            created=created,
        )
        for number, (event, previous, state) in enumerate(steps, 1)
    ]


def message(step, node, number, when, message_id):
    """Make a notification with all that Ironic puts into one."""
    event, previous, state = step
    second = f'{when:%Y-%m-%dT%H:%M:%SZ}'
    data = {
        'uuid': node,
        'name': f'node-{number}',
        'driver': 'fake-hardware',
        'power_state': 'power on',
        'provision_state': state,
        'target_provision_state': TARGETS.get(state),
        'previous_provision_state': previous,
        'previous_target_provision_state': TARGETS.get(previous),
        'event': event,
        'created_at': '2026-02-01T00:00:00Z',
        'updated_at': second,
        'provision_updated_at': second,
        'maintenance': False,
        'protected': False,
        'retired': False,
        'console_enabled': False,
        'disable_power_off': False,
        'conductor_group': '',
        'extra': {},
        'instance_info': {},
        'driver_internal_info': {'clean_steps': None, 'agent_url': None},
        'properties': {
            'cpus': 8,
            'memory_mb': 65536,
            'local_gb': 100,
            'cpu_arch': 'x86_64',
        },
        'traits': ['CUSTOM_GOLD'],
        **{f'{name}_interface': 'fake' for name in _INTERFACES},
        **dict.fromkeys(_EMPTY),
    }
    return {
        'message_id': message_id,
        'publisher_id': 'ironic-conductor.one',
        'event_type': 'baremetal.node.provision_set.'
        + status_of(previous, event, state),
        'priority': 'ERROR' if event == 'fail' else 'INFO',
        'payload': {
            'ironic_object.name': 'NodeSetProvisionStatePayload',
            'ironic_object.namespace': 'ironic',
            'ironic_object.version': '1.18',
            'ironic_object.data': data,
        },
        'timestamp': str(when),
    }


def write(stream, notifications, nodes, seed, losses=0.0):
    """Write a recording of many nodes, their notifications interleaved.

    :param losses: the part of the notifications that is left out.
    :returns: how many were left out.
    """
    dice = random.Random(seed)
    here = {
        str(uuid.UUID(int=dice.getrandbits(128), version=4)): 'enroll'
        for _node in range(nodes)
    }
    names = list(here)
    lost = 0
    for number in range(notifications):
        index = number % nodes
        node = names[index]
        previous = here[node]
        event = dice.choice(sorted(table.TRANSITIONS[previous]))
        (state,) = table.TRANSITIONS[previous][event]
        here[node] = state
        when = START + datetime.timedelta(milliseconds=number)
        if losses and dice.random() < losses:
            lost += 1
            continue
        unique = str(uuid.UUID(int=dice.getrandbits(128), version=4))
        one = message((event, previous, state), node, index, when, unique)
        stream.write(json.dumps(one) + '\n')
    return lost


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--notifications', type=int, default=1000000)
    parser.add_argument('--nodes', type=int, default=10000)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--losses', type=float, default=0.0)
    args = parser.parse_args()
    lost = write(
        sys.stdout, args.notifications, args.nodes, args.seed, args.losses
    )
    print(f'{lost} left out (seed {args.seed})', file=sys.stderr)


if __name__ == '__main__':
    main()
