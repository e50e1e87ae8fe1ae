# SPDX-License-Identifier: Apache-2.0
"""What the benchmark makes of what it has measured."""

from collections import Counter
import itertools
from unittest import mock

import ddt
from oslotest import base
import psutil

from laboratory import contract
from laboratory import witness
from laboratory.bench import counted
from laboratory.bench import figures
from laboratory.bench import judge
from laboratory.bench import load
from laboratory.bench import sides
from laboratory.bench import whole
from laboratory.bench.figures import Limit

MET, MISSED, UNDECIDED, REPORTED = figures.Verdict


def spread(middle, low=None, high=None, rounds=5):
    return figures.Spread(middle, low or middle, high or middle, rounds)


@ddt.ddt
class Spread(base.BaseTestCase):
    @ddt.unpack
    @ddt.data(
        ([2.0], spread(2.0, rounds=1)),
        ([9.0, 1.0, 2.0, 3.0, 4.0], spread(3.0, 1.0, 9.0)),
        # The extremes are hardly ever in the middle of a draw.
        ([0, *range(2, 8), 100], spread(4.5, 2, 7, rounds=8)),
    )
    def test_the_interval_covers_the_median(self, values, expected):
        self.assertEqual(expected, figures.spread(values))

    def test_rounds_are_compared_in_pairs(self):
        # The machine was ten times as slow in the second one.
        rounds = [
            {'stock': {'x': 1.0}, 'plugin': {'x': 1.5}},
            {'stock': {'x': 10.0}, 'plugin': {'x': 15.0}},
        ]
        ratio = figures.ratio(rounds, 'plugin', 'x')
        self.assertEqual(spread(1.5, rounds=2), ratio)
        added = figures.added(rounds, 'plugin', 'x')
        self.assertEqual(spread(2.75, 0.5, 5.0, 2), added)

    @ddt.unpack
    @ddt.data(
        (Limit(0.9), spread(0.9, 0.5, 2.0), MET),
        (Limit(0.9), spread(0.91, 0.5, 2.0), MISSED),
        (Limit(0.9), spread(0.5, rounds=4), UNDECIDED),
        (Limit(1.12, least=True), spread(1.12, 1.01, 2.0), MET),
        (Limit(1.12, least=True), spread(1.11, 1.05, 2.0), MISSED),
    )
    def test_a_limit_is_for_the_median(self, limit, ratio, verdict):
        self.assertEqual(verdict, limit.hold(ratio))


USED = [f'{part}_per_op' for part in ('whole', *whole.PARTS, 'clients')]
ROUND = dict.fromkeys(('rate', 'written_per_op', *USED), 1.0) | {
    f'{way}_{share}': 1.0
    for way in ('put_to_202', '202_to_end', 'put_to_end')
    for share in ('mean', 'p50', 'p99')
}
ROUND |= {'announced_per_op': 500.0, 'busy': 0.9, 'others': 0.0}
# What meets every limit of the plugin's, and so of the outbox.
GOOD = ROUND | {
    'rate': 1.25,
    'whole_per_op': 0.8,
    'conductor_per_op': 0.65,
    'put_to_202_mean': 0.9,
    'put_to_202_p50': 0.9,
    'put_to_202_p99': 0.5,
    'put_to_end_p50': 0.9,
}


def under_load(plugin=GOOD, backend=sides.MARIADB, clients='8', lost=0):
    books = {'expected': 9, 'lost': 0, 'out_of_order': 0, 'illegal': 0}
    one = {'stock': ROUND, 'plugin': plugin, 'outbox': GOOD}
    return {
        backend.name: {
            'clients': {clients: [one] * 5},
            'idle': {'database': 0.01, 'broker': 0.02, 'written': 100.0},
            'notifications': {
                'stock': books | {'lost': 3},
                'plugin': books | {'lost': lost},
                'outbox': books,
            },
        }
    }


@ddt.ddt
class Judge(base.BaseTestCase):
    def verdicts(self, name, measured, side='plugin'):
        return {
            line.figure: line.verdict
            for line in judge.JUDGES[name](measured)
            if line.side == side and line.limit != 'reported'
        }

    def missed(self, name, measured, side='plugin'):
        verdicts = self.verdicts(name, measured, side)
        return {key for key in verdicts if verdicts[key] is MISSED}

    @ddt.unpack
    @ddt.data(
        (sides.MARIADB, '32', 'rate', 1.25, 1.24),
        (sides.MARIADB, '8, not full', 'whole_per_op', 0.80, 0.81),
        (sides.MARIADB, '8', 'conductor_per_op', 0.65, 0.66),
        (sides.SQLITE, '8, not full', 'conductor_per_op', 0.75, 0.76),
        (sides.MARIADB, '8', 'written_per_op', 1.0, 1.01),
        (sides.POSTGRESQL, '32', 'put_to_202_p99', 1.00, 1.01),
        (sides.SQLITE, '8', 'put_to_202_mean', 0.95, 0.96),
        (sides.SQLITE, '8', 'put_to_202_p99', 0.50, 0.51),
        # No limit of its own.
        (sides.POSTGRESQL, '1', 'rate', 1.00, 0.99),
        (sides.MARIADB, '8', '202_to_end_p50', 1.05, 1.06),
    )
    def test_a_figure_has_its_limit(self, backend, clients, name, good, bad):
        for value, expected in ((good, set()), (bad, {judge.TITLES[name]})):
            measured = under_load(GOOD | {name: value}, backend, clients)
            self.assertEqual(expected, self.missed('load', measured))
            self.assertEqual(set(), self.missed('load', measured, 'outbox'))

    def test_clients_that_ask_more_seldom_decide_on_the_rate(self):
        measured = under_load(GOOD | {'rate': 1.0}, clients='8, not full')
        self.assertEqual(set(), self.missed('load', measured))

    @ddt.unpack
    @ddt.data((1000.0, MET), (1002.0, MISSED))
    def test_the_outbox_writes_its_messages_twice(self, more, verdict):
        measured = under_load()
        for each in measured[sides.MARIADB.name]['clients']['8']:
            each['outbox'] = GOOD | {'written_per_op': 1.0 + more}
        verdicts = self.verdicts('load', measured, 'outbox')
        self.assertEqual(verdict, verdicts[judge.TITLES['written_per_op']])

    def test_what_others_use_of_the_machine_has_a_limit(self):
        measured = under_load(GOOD | {'others': 0.06})
        share = {'share of the machine in use'}
        self.assertEqual(share, self.missed('load', measured))

    @ddt.unpack
    @ddt.data(
        (0.80, 0.80, []),
        # Both are within each other's intervals, one misses its limit.
        (0.80, 0.81, [UNDECIDED]),
        (0.80, 0.90, [MISSED]),
    )
    def test_a_second_run_must_agree(self, one, other, expected):
        def run(cpu):
            measured = under_load()
            rounds = measured[sides.MARIADB.name]['clients']['8']
            for number, spreads in enumerate((-0.05, 0, 0, 0, 0.05)):
                own = GOOD | {'whole_per_op': cpu + spreads}
                rounds[number] = rounds[number] | {'plugin': own}
            return list(judge.load(measured))

        said = judge.again(run(one), run(other))
        self.assertEqual(expected, [line.verdict for line in said])

    def test_a_lost_notification_misses(self):
        self.assertEqual(
            {'lost, out of order or illegal notifications'},
            self.missed('load', under_load(lost=1)),
        )

    def test_a_round_that_failed_is_counted_and_left_out(self):
        measured = under_load()
        rounds = measured[sides.MARIADB.name]['clients']['8']
        rounds.append(rounds[0] | {'plugin': {figures.FAILED: 'why'}})
        failed = {'rounds in which an operation failed'}
        self.assertEqual(failed, self.missed('load', measured))
        self.assertEqual(set(), self.missed('load', measured, 'outbox'))

    def test_an_end_before_the_202_has_no_ratio(self):
        measured = under_load()
        for each in measured[sides.MARIADB.name]['clients']['8']:
            each['stock'] = ROUND | {'202_to_end_p50': -0.01}
        verdicts = self.verdicts('load', measured)
        self.assertEqual(REPORTED, verdicts['202 to end, p50'])

    @ddt.unpack
    @ddt.data(
        ('plugin', {}, ''),
        ('plugin', {'SELECT nodes': 150}, ''),
        ('plugin', {'SELECT nodes': 151}, 'SELECT'),
        ('plugin', {'UPDATE nodes': 31}, 'UPDATE'),
        ('plugin', {'COMMIT': 100}, 'COMMIT and ROLLBACK'),
        ('plugin', {'ROLLBACK': 21}, 'COMMIT and ROLLBACK'),
        # The outbox may store one row for each transition.
        ('plugin', {'INSERT outbox': 20}, 'INSERT'),
        ('outbox', {'INSERT outbox': 20}, ''),
        ('outbox', {'INSERT outbox': 21}, 'INSERT'),
    )
    def test_statements_have_limits(self, side, counts, missed):
        fewer = {'SELECT nodes': 140, 'UPDATE nodes': 30, 'COMMIT': 80}
        stock = fewer | {'SELECT nodes': 371, 'COMMIT': 100}
        executed = {'stock': stock, 'plugin': fewer, 'outbox': fewer}
        executed[side] = fewer | counts
        done = {'operations': 10, 'transitions': 20}
        measured = {}
        for name, each in executed.items():
            said = {f'{what} by x for y': each[what] for what in each}
            measured[name] = done | {'by_operations': said}
        self.assertEqual(
            {f'{missed} per operation'} if missed else set(),
            self.missed('statements', {'SQLite': measured}, side),
        )


class Orders(base.BaseTestCase):
    def test_each_side_has_each_place_and_follows_each_other_side(self):
        order = list(load.orders('abc', 6))
        for place in zip(*order, strict=True):
            self.assertEqual(dict.fromkeys('abc', 2), Counter(place))
        played = [*itertools.chain(*order), 'a']
        pairs = dict.fromkeys(itertools.permutations('abc', 2), 3)
        self.assertEqual(pairs, Counter(itertools.pairwise(played)))


class Pace(base.BaseTestCase):
    def test_operations_begin_in_equal_distances_and_catch_nothing_up(self):
        pace = load.Pace(2.0)
        with mock.patch.object(load, 'time', autospec=True) as clock:
            for now, waits in ((5.0, 0.0), (5.0, 0.5), (9.0, 0.0)):
                clock.monotonic.return_value = now
                pace.wait()
                clock.sleep.assert_called_with(waits)


class Statements(base.BaseTestCase):
    def test_a_statement_names_who_asks_for_it(self):
        said = {'COMMIT by ironic.db.api:a for ironic.b:c': 3}
        stock = {'operations': 2, 'by_operations': said, 'by_relay': {}}
        relay = {'DELETE t by ironic_async_events.x:y for ?': 1}
        outbox = stock | {'by_relay': relay}
        table = judge.callers({'stock': stock, 'outbox': outbox})
        for row in (
            ('COMMIT', 'db.api:a', 'b:c', '1.50', '1.50'),
            ('DELETE t', 'async_events.x:y', '? (relay)', '0.00', '0.50'),
        ):
            self.assertEqual(row, next(table))

    def test_the_caller_is_who_is_outside_the_database(self):
        frame = None
        for name in (
            *('ironic.conductor.x:act', 'ironic_async_events.repairs.y:z'),
            *('ironic.objects.node:save', 'ironic.db.api:wrapper'),
            *('ironic.db.api:update_node', 'sqlalchemy.engine:execute'),
        ):
            module, _, function = name.partition(':')
            frame = mock.Mock(f_back=frame, f_globals={'__name__': module})
            frame.f_code.co_name = function
        self.assertEqual(
            ('ironic.db.api:update_node', 'ironic.conductor.x:act'),
            counted._callers(frame),
        )


class Whole(base.BaseTestCase):
    def test_what_a_turn_used_is_the_operations_and_the_machine_was_full(self):
        before = dict.fromkeys(('whole', 'busy', 'ours', 'seconds'), 10.0)
        at_end = before | {'busy': 13.0, 'ours': 12.0, 'seconds': 12.0}
        after = before | {'whole': 13.0, 'busy': 50.0, 'seconds': 90.0}
        with mock.patch.object(
            psutil, 'cpu_count', autospec=True, return_value=2
        ):
            used = whole.used(before, at_end, after, 2)
        self.assertEqual(1.5, used['whole_per_op'])
        self.assertEqual((0.75, 0.25), (used['busy'], used['others']))


class Times(base.BaseTestCase):
    def test_the_end_is_the_last_commit_but_not_the_requests_own(self):
        accepted = [
            contract.Accepted(
                node, 'inspect', 'manageable', 10.0, 10.25, '', 10.5, 12.0
            )
            for node in ('a', 'b')
        ]
        changes = [
            witness.Seen(1, node, 'before', 'after', at)
            for node, at in (
                *(('a', at) for at in (9.0, 10.125, 10.75, 13.0)),
                ('b', 10.125),
            )
        ]
        took = load.times(accepted, changes)
        self.assertEqual(0.25, took['put_to_202_p50'])
        self.assertEqual(0.5, took['202_to_end_p50'])
        self.assertEqual(0.75, took['put_to_end_p99'])
