# SPDX-License-Identifier: Apache-2.0
"""Spoil clean recordings at every position, and see what the audit says.

As a program it prints the table::

    python -m ironic_async_events.tests.samples.mutations

A recording is spoiled in exactly one place, then judged twice: by the
streaming checker, which knows the notifications alone, and by the comparison
with what really happened. In the table each spoiled recording counts once
for each judge, under everything that the judge said of it.
"""

import argparse
import collections
import random

from ironic_async_events.audit import machine
from ironic_async_events.audit import table
from ironic_async_events.tests.samples import recordings
from laboratory import truth


def drop(clean, dice):
    """Leave one out."""
    for at in range(len(clean)):
        yield at, clean[:at] + clean[at + 1 :]


def swap(clean, dice):
    """Exchange two neighbours on their way: they keep their times."""
    for at in range(len(clean) - 1):
        yield (
            at,
            [*clean[:at], clean[at + 1], clean[at], *clean[at + 2 :]],
        )


def swap_at_the_source(clean, dice):
    """Exchange two neighbours at the sender: later sent, later time."""
    for at, spoiled in swap(clean, dice):
        first, second = spoiled[at], spoiled[at + 1]
        spoiled[at] = first._replace(time=second.time)
        spoiled[at + 1] = second._replace(time=first.time)
        yield at, spoiled


def delay(clean, dice):
    """Let one arrive three places late, with its time."""
    for at in range(len(clean) - 3):
        rest = clean[:at] + clean[at + 1 :]
        yield at, [*rest[: at + 3], clean[at], *rest[at + 3 :]]


def hasten(clean, dice):
    """Let one arrive three places early, with its time."""
    for at in range(len(clean) - 3):
        early = clean[at + 3]
        rest = clean[: at + 3] + clean[at + 4 :]
        yield at, [*rest[:at], early, *rest[at:]]


def repeat(clean, dice):
    """Deliver one twice, the second time up to five places later."""
    for at in range(len(clean)):
        again = at + 1 + dice.randrange(6)
        yield at, [*clean[:again], clean[at], *clean[again:]]


def alter_state(clean, dice):
    """Let one show every other state than the right one."""
    for at, one in enumerate(clean):
        for state in sorted(table.STATES):
            if state != one.state:
                wrong = one._replace(state=state)
                yield at, [*clean[:at], wrong, *clean[at + 1 :]]


def alter_previous(clean, dice):
    """Let one show every other previous state that makes it illegal."""
    for at, one in enumerate(clean):
        for state in sorted(table.STATES):
            if one.state not in machine.results(state, one.event):
                wrong = one._replace(previous_state=state)
                yield at, [*clean[:at], wrong, *clean[at + 1 :]]


def show_too_early(clean, dice):
    """Let one show the state that the next one leads to, and lose that.

    Stock Ironic does it: the worker was faster than the notification of the
    start, and the one of the end is never sent.
    """
    for at in range(1, len(clean) - 1):
        late = clean[at + 1].state
        one = clean[at]
        if (
            late not in machine.results(one.previous_state, one.event)
            and machine.distance(one.previous_state, late) != 1
        ):
            wrong = one._replace(state=late)
            yield at, [*clean[:at], wrong, *clean[at + 2 :]]


def alter_event(clean, dice):
    """Let one show another event than the right one."""
    for at, one in enumerate(clean):
        for event in ('abort', 'deploy', 'done', 'fail', 'manage', 'wait'):
            # Another event may lead to the same state: that is no fault.
            if one.state not in machine.results(one.previous_state, event):
                wrong = one._replace(event=event)
                yield at, [*clean[:at], wrong, *clean[at + 1 :]]


MUTATIONS = (
    (drop, 'lost'),
    (swap, 'out of order'),
    (swap_at_the_source, 'out of order'),
    (delay, 'out of order'),
    (hasten, 'out of order'),
    (repeat, 'duplicate'),
    (alter_state, 'illegal'),
    (alter_previous, 'illegal'),
    (alter_event, 'illegal'),
    (show_too_early, 'illegal, 1 lost'),
)


def clean_recordings(seed, number=8, length=24):
    """Make clean recordings of one node each: wide walks, narrow circles."""
    dice = random.Random(seed)
    for index in range(number):
        way = recordings.rounds if index % 2 else recordings.walk
        yield recordings.observations(way(dice, length))


def said(spoiled, created=False):
    """What the streaming checker says, as counts by name.

    :param created: True if it sees the creation of the node as well.
    """
    if created:
        birth = spoiled[0]._replace(
            message_id='birth', kind='create', status='end', state='enroll'
        )
        spoiled = [birth, *spoiled]
    found = recordings.check(spoiled, complete=True)
    return collections.Counter(one.kind.value for one in found)


def accounted(clean, spoiled):
    """What the comparison says, as counts by name."""
    changes = [(one.node, one.previous_state, one.state) for one in clean]
    account = truth.compare(changes, spoiled)
    return collections.Counter(row.name for row in account.rows)


def place_of(mutation, at, clean):
    """Name the places where less can be known."""
    if at == 0 and mutation in (drop, swap_at_the_source):
        return 'first'
    lost = {drop: at, show_too_early: at + 1}.get(mutation)
    if lost == len(clean) - 1:
        return 'last'
    return ''


JUDGES = (
    ('stream', lambda clean, spoiled: said(spoiled)),
    ('created', lambda clean, spoiled: said(spoiled, created=True)),
    ('witness', accounted),
)


def results(seed, number=8):
    """Judge every spoiled recording.

    :param number: of how many clean recordings.
    :returns: {(mutation, right name, place): {judge: what it said -> how
        many times}}.
    """
    found = {}
    for mutation, name in MUTATIONS:
        dice = random.Random(seed)
        for clean in clean_recordings(seed, number):
            for at, spoiled in mutation(clean, dice):
                key = (mutation.__name__, name, place_of(mutation, at, clean))
                row = found.setdefault(key, {})
                for title, judge in JUDGES:
                    counts = row.setdefault(title, collections.Counter())
                    counts[_text(judge(clean, spoiled))] += 1
    return found


def _text(counts):
    return (
        ', '.join(f'{count} {name}' for name, count in sorted(counts.items()))
        or 'nothing'
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--seed', type=int, default=4)
    seed = parser.parse_args().seed
    print(
        f'seed {seed}; stream: notifications alone, node joined in the '
        f'middle; created: the same,\nand the creation was announced; '
        f'witness: compared with what happened\n'
    )
    print(f'{"spoiled by":20}{"at":8}{"judge":9}{"count":>6}  said')
    for (mutation, _name, place), row in results(seed).items():
        for title, counts in row.items():
            for text, count in counts.most_common():
                print(
                    f'{mutation:20}{place or "others":8}{title:9}'
                    f'{count:6}  {text}'
                )


if __name__ == '__main__':
    main()
