# SPDX-License-Identifier: Apache-2.0
"""The scenarios: each returns figures, which say whether everything held."""

import collections
from collections.abc import Callable
from collections.abc import Mapping
import functools
import random
import time
from typing import Any

from ironic_async_events.audit import observation
from laboratory import cluster
from laboratory import configuration
from laboratory import processes
from laboratory import wanderer
from laboratory.bench import usage
from laboratory.chaos import filling

Figures = dict[str, Any]

LEASE = 5.0
"""Seconds; half of the default, so that runs are shorter."""

# Operations of all clients together: enough that each has begun some.
_SOME = 20
# Of each client: it goes on when a fault has left a node behind.
_NODES = 4

_OPTIONS = {'async_events': {'outbox_lease': LEASE}}
_NUMBERS = configuration.merged(
    _OPTIONS,
    cluster.TAKING_OVER,
    {
        'async_events': {'sequence_notifications': True},
        # So that the conductor that is killed is at work.
        'fake': {'deploy_delay': '1'},
    },
)

Place = cluster.Cluster
Load = wanderer.Wanderers
Scenario = Callable[[Place, Load, int, random.Random], Figures | None]


def _under_load(
    conductors: int,
    options: configuration.Options = _OPTIONS,
    clients: int = 4,
    look: Callable[[Place], Figures] = lambda place: {},
) -> Callable[[Scenario], Callable[..., Figures]]:
    """Have clients at work during a scenario; judge what was published."""

    def decorated(scenario: Scenario) -> Callable[..., Figures]:
        @functools.wraps(scenario)
        def run(how_much: int = 0, *, seed: int) -> Figures:
            with Place(conductors, options) as place:
                with wanderer.Wanderers(
                    place.endpoint, clients, _NODES * clients, seed
                ) as load:
                    load.work(_SOME)
                    chance = random.Random(seed)
                    figures = scenario(place, load, how_much, chance) or {}
                drained = place.drained()
                account = place.account()
                figures |= look(place) | account.as_dict()
                # What was published may be repeated.
                held = (
                    drained
                    and account.expected > 0
                    and all(row.name == 'duplicate' for row in account.rows)
                    and figures.get('held', True)
                )
                return figures | {
                    'seed': seed,
                    'operations': len(load.ended),
                    'errors': load.errors + len(load.refused),
                    'drained': drained,
                    'held': held,
                }

        return run

    return decorated


@_under_load(3, clients=6)
def kills(place: Place, load: Load, times: int, chance: Any) -> Figures:
    for _ in range(times):
        victim = chance.randrange(3)
        place.kill(victim)
        load.work(chance.randrange(5))
        place.revive(victim)
        load.work(chance.randrange(5, 25))
    return {'terms': place.term()}


def _said(place: Place) -> Figures:
    logs = ''.join(map(place.log, range(2)))
    return {
        'said_away': logs.count('cannot reach the message bus'),
        'said_back': logs.count('reaches the message bus again'),
    }


@_under_load(2, look=_said)
def broker_away(place: Place, load: Load, operations: int, _: Any) -> Figures:
    """Stop the broker, and count the operations that end meanwhile."""
    place.broker.stop()
    stopped = time.time()
    load.work(operations)
    meanwhile = sum(one.asked_at > stopped for one in load.ended)
    processes.wait_for(lambda: _said(place)['said_away'] > 0, 60)
    waited = place.waiting()
    place.broker.start()
    # Those that are under way come to their ends.
    load.work(_SOME)
    return {'waited': waited, 'meanwhile': meanwhile}


@_under_load(2)
def leader_killed(place: Place, load: Load, *_: object) -> Figures:
    """Kill the conductor that has the lease; it does not come back."""
    leader, seconds = _take_over(place, place.kill)
    # What the dead conductor's nodes are asked for comes to nothing.
    load.work(1)
    place.come_back(leader)
    load.work(_SOME)
    return {'taken_over_after': seconds}


@_under_load(2)
def leader_frozen(place: Place, load: Load, *_: object) -> Figures:
    """Stop the leader until another one is at work, and let it go on."""
    leader, seconds = _take_over(place, place.freeze)
    before = place.consumer.count
    # The other conductor publishes as the leader.
    processes.wait_for(lambda: place.consumer.count > before, 60)
    place.thaw(leader)
    load.work(_SOME)
    return {'taken_over_after': seconds, 'terms': place.term()}


def _take_over(place: Place, hurt: Callable[[int], None]) -> tuple[int, float]:
    leader = place.leader()
    assert leader is not None, 'nobody has the lease'
    term = place.term()
    hurt(leader)
    began = time.monotonic()
    processes.wait_for(lambda: place.term() > term, 4 * LEASE, 0.01)
    return leader, round(time.monotonic() - began, 3)


def _numbers(place: Place) -> Figures:
    """Count numbers that are missing or repeated, and take-overs."""
    sequences: dict[str, list[int | None]] = collections.defaultdict(list)
    conductors: dict[str | None, set[str]] = collections.defaultdict(set)
    states = 0
    ids = set()
    for seen in place.observations():
        if (
            not isinstance(seen, observation.Observation)
            or seen.message_id in ids
        ):
            continue
        ids.add(seen.message_id)
        states += seen.kind == 'provision_set'
        if seen.kind == 'provision_event':
            sequences[seen.node].append(seen.sequence)
            conductors[seen.operation_id].add(seen.publisher)
    numbered = sum(map(len, sequences.values()))
    faults = sum(
        number != sequence
        for each in sequences.values()
        for number, sequence in enumerate(each, 1)
    )
    taken_over = sum(len(each) > 1 for each in conductors.values())
    return {
        'provision_set': states,
        'numbered': numbered,
        'faults': faults,
        'taken_over': taken_over,
        'held': numbered == states and not faults and taken_over > 0,
    }


@_under_load(2, _NUMBERS, clients=8, look=_numbers)
def numbers(place: Place, load: Load, *_: object) -> None:
    """Kill a conductor at work: the numbers go on where it has stopped."""
    processes.wait_for(lambda: place.works(1), 60, 0.01)
    place.kill(1)
    # The survivor notices, takes over, and goes on.
    processes.wait_for(lambda: _numbers(place)['taken_over'] > 0, 120, 1.0)
    load.work(_SOME)


@_under_load(2)
def database_restarts(place: Place, load: Load, times: int, _: Any) -> None:
    for _number in range(times):
        place.restart_database()
        load.work(_SOME)


@_under_load(0, {})
def sqlite(place: Place, load: Load, operations: int, _: Any) -> None:
    """The all-in-one service on SQLite; the broker goes away once."""
    place.broker.stop()
    load.work(operations)
    place.broker.start()
    load.work(_SOME)


def backlog(messages: int, *, seed: int) -> Figures:
    """Let one conductor publish a backlog, in order, in little memory."""
    with Place(1, _OPTIONS) as place:
        place.kill(0)
        filling.store(place.eye.engine, range(messages), range(1000), 'INFO')
        before = place.consumer.count
        place.revive(0)
        processes.wait_for(lambda: place.consumer.count > before, 60, 0.01)
        began = time.monotonic()
        memory: list[float] = []
        while place.waiting() and place.conductors[0].returncode is None:
            memory.append(usage.memory(place.conductors[0].pid) / 2**20)
            processes.wait_for(lambda: not place.waiting(), 2)
        seconds = time.monotonic() - began
        came, order = _all_came(place, messages)
        # The first quarter lets caches and pools fill.
        settled = memory[len(memory) // 4 :] or memory
        return {
            'messages': messages,
            'seconds': round(seconds, 1),
            'per_second': round(messages / seconds),
            'memory_mb': [round(min(settled)), round(max(settled))],
            **order,
            'held': came,
        }


def _all_came(place: Place, number: int) -> tuple[bool, dict[str, int]]:
    """Tell whether so many messages arrive, in order; and how they do."""
    drained = place.drained()
    order = filling.check(place.arrived())
    all_of_them = drained and order['received'] == number
    return all_of_them and not order['out_of_order'], order


def refusing(messages: int, *, seed: int) -> Figures:
    """Have the broker refuse errors, which are older than the rest."""
    errors = range(20)
    others = range(len(errors), len(errors) + messages)
    with (
        Place(1, _OPTIONS) as place,
        filling.refusing(place.broker.amqp_url) as queue,
    ):
        place.wait_for_rpc(0, 1)
        place.kill(0)
        filling.store(place.eye.engine, errors, range(10), 'ERROR')
        filling.store(place.eye.engine, others, range(10, 1010), 'INFO')
        place.eye.execute('UPDATE async_events_relay SET expires_at = 0')
        place.come_back(0)
        published = processes.wait_for(
            lambda: place.waiting() <= len(errors), 60, 0.05
        )
        waiting = place.waiting()
        queue.delete()
        came, order = _all_came(place, messages + len(errors))
        return {
            'messages': messages,
            'errors': len(errors),
            'published': published,
            'waiting': waiting,
            **order,
            'held': published and waiting == len(errors) and came,
        }


SCENARIOS: Mapping[str, tuple[Callable[..., Figures], str]] = {
    'kills': (kills, 'times'),
    'broker': (broker_away, 'operations'),
    'leader-killed': (leader_killed, ''),
    'leader-frozen': (leader_frozen, ''),
    'numbers': (numbers, ''),
    'database': (database_restarts, 'times'),
    'sqlite': (sqlite, 'operations'),
    'backlog': (backlog, 'messages'),
    'refusing': (refusing, 'messages'),
}
"""Name -> scenario, and the argument that says how much of it."""
