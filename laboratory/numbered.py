# SPDX-License-Identifier: Apache-2.0
"""The numbers of numbered notifications, while a conductor dies.

``python -m laboratory.numbered`` runs two
conductors, kills one in the middle of its work, lets the other take its nodes
over, and prints what the numbers say; the exit code is 0 if they have no gap
and no repeat.
"""

import argparse
import collections
import dataclasses
import sys
import time

from laboratory import cluster
from laboratory import wanderer

_OPTIONS = {
    # Over json-rpc on a port of its own a conductor is known by another name
    # than the one that it locks nodes with, and nobody takes them over.
    'DEFAULT': {'hash_ring_reset_interval': 3, 'rpc_transport': 'oslo'},
    'async_events': {'sequence_notifications': True, 'outbox_lease': 5.0},
    'conductor': {
        'heartbeat_interval': 2,
        'heartbeat_timeout': 8,
        'check_provision_state_interval': 3,
    },
    # So that the conductor that is killed is at work.
    'fake': {'deploy_delay': '1'},
}
_EVENT = 'baremetal.node.provision_event.'
_SET = 'baremetal.node.provision_set.'


@dataclasses.dataclass(frozen=True)
class Numbers:
    """What the numbered notifications of a run say.

    :param nodes: how many nodes there were
    :param transitions: how many ``provision_set`` notifications arrived
    :param numbered: how many ``provision_event`` notifications arrived
    :param faults: numbers that are missing, repeated or out of order
    :param taken_over: operations that one conductor began and another ended
    """

    nodes: int
    transitions: int
    numbered: int
    faults: int
    taken_over: int

    @property
    def good(self) -> bool:
        """Whether the run shows what it is for."""
        return (
            self.numbered > 0
            and self.numbered == self.transitions
            and not self.faults
            and self.taken_over > 0
        )


def judge(place: cluster.Cluster) -> Numbers:
    """Look at what arrived on the bus; redelivered messages count once."""
    numbers = collections.defaultdict(list)
    conductors = collections.defaultdict(list)
    seen = set()
    transitions = 0
    for delivered in place.consumer.read():
        if delivered.id in seen:
            continue
        seen.add(delivered.id)
        kind = delivered.message['event_type']
        transitions += kind.startswith(_SET)
        if kind.startswith(_EVENT):
            data = delivered.data
            numbers[data['uuid']].append(data['sequence'])
            conductors[data['operation_id']].append(data['conductor'])
    return Numbers(
        nodes=len(numbers),
        transitions=transitions,
        numbered=sum(map(len, numbers.values())),
        faults=sum(
            expected != number
            for each in numbers.values()
            for expected, number in enumerate(each, 1)
        ),
        taken_over=sum(len(set(each)) > 1 for each in conductors.values()),
    )


def run(clients: int, seconds: float, seed: int) -> Numbers:
    """Run two conductors under load and kill one of them.

    :param clients: how many clients
    :param seconds: of load before the kill, and after it
    :param seed: for what the clients do
    """
    with cluster.Cluster(2, _OPTIONS) as place:
        with wanderer.Wanderers(place.endpoint, clients, seed):
            time.sleep(seconds)
            place.kill(1)
            # The survivor notices, takes over, and goes on.
            time.sleep(seconds + 20)
        place.drained()
        return judge(place)


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--clients', type=int, default=8)
    parser.add_argument('--seconds', type=float, default=20.0)
    parser.add_argument('--seed', type=int, default=time.time_ns() % 100000)
    arguments = parser.parse_args()
    print(f'seed {arguments.seed}', flush=True)
    numbers = run(arguments.clients, arguments.seconds, arguments.seed)
    print(numbers, 'good' if numbers.good else 'NOT GOOD')
    return 0 if numbers.good else 1


if __name__ == '__main__':
    sys.exit(main())
