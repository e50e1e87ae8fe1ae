# SPDX-License-Identifier: Apache-2.0
"""What the benchmark makes of what it has measured, and its instruments."""

import contextlib
import pathlib
import socket
import struct
import subprocess
import sys
import threading

import ddt
import fixtures
from oslotest import base

from laboratory import contract
from laboratory import errors
from laboratory import witness
from laboratory.bench import counted
from laboratory.bench import figures
from laboratory.bench import forms
from laboratory.bench import judge
from laboratory.bench import load
from laboratory.bench import report
from laboratory.bench import slow_broker
from laboratory.bench import usage
from laboratory.bench.figures import Limit

MET = figures.Verdict.MET
MISSED = figures.Verdict.MISSED
UNDECIDED = figures.Verdict.UNDECIDED
REPORTED = figures.Verdict.REPORTED


def spread(middle, low=None, high=None, rounds=5):
    return figures.Spread(middle, low or middle, high or middle, rounds)


@ddt.ddt
class Spread(base.BaseTestCase):
    """The interval of a median, and what it says about a limit."""

    @ddt.unpack
    @ddt.data(
        # All five rounds, all of one.
        ([9.0, 1.0, 2.0, 3.0, 4.0], spread(3.0, 1.0, 9.0)),
        ([2.0], spread(2.0, rounds=1)),
        # With one of each side left out, 238 of 256 are covered.
        (
            [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 100.0],
            spread(4.5, 2.0, 7.0, rounds=8),
        ),
    )
    def test_the_interval_covers_the_median(self, values, expected):
        self.assertEqual(expected, figures.spread(values))

    def test_rounds_are_compared_in_pairs(self):
        # The machine was ten times as slow in the second one.
        rounds = [
            {'stock': {'x': 1.0}, 'plugin': {'x': 1.5}},
            {'stock': {'x': 10.0}, 'plugin': {'x': 15.0}},
        ]
        self.assertEqual(
            spread(1.5, rounds=2), figures.ratio(rounds, 'plugin', 'x')
        )
        self.assertEqual(
            spread(2.75, 0.5, 5.0, 2), figures.added(rounds, 'plugin', 'x')
        )

    @ddt.unpack
    @ddt.data(
        (spread(0.95, 0.9, 1.0), MET, UNDECIDED),
        (spread(1.2, 1.01, 1.3), MISSED, MET),
        (spread(1.2, 1.0, 1.3), UNDECIDED, MET),
        (spread(1.0, 0.9, 1.1), UNDECIDED, UNDECIDED),
        (spread(0.8, 0.7, 0.9), MET, MISSED),
        (spread(2.0, rounds=4), UNDECIDED, UNDECIDED),
    )
    def test_an_interval_is_held_against_one(self, found, most, least):
        lower = Limit(1.0, least=True, whole=True)
        self.assertEqual(most, figures.at_most(found, 1.0))
        self.assertEqual(least, lower.hold(found))

    @ddt.unpack
    @ddt.data(
        (Limit(0.9), spread(0.9, 0.5, 2.0), MET),
        (Limit(0.9), spread(0.91, 0.5, 2.0), MISSED),
        (Limit(0.9), spread(0.5, rounds=4), UNDECIDED),
        (Limit(0.9, 1.0), spread(0.9, 0.5, 0.99), MET),
        (Limit(0.9, 1.0), spread(0.9, 0.5, 1.0), MISSED),
        (Limit(1.12, 1.0, least=True), spread(1.12, 1.01, 2.0), MET),
        (Limit(1.12, 1.0, least=True), spread(1.2, 1.0, 2.0), MISSED),
        (Limit(1.12, 1.0, least=True), spread(1.11, 1.05, 2.0), MISSED),
    )
    def test_a_limit_holds_median_and_interval(self, limit, found, verdict):
        self.assertEqual(verdict, limit.hold(found))


ROUND = {'rate': 1.0, 'conductor_cpu_per_op': 1.0} | {
    f'{way}_{share}': 1.0
    for way in ('put_to_202', '202_to_end', 'put_to_end')
    for share in ('mean', 'p50', 'p99')
}
# What meets every limit of the plugin's, and so of the outbox.
GOOD = ROUND | {
    'rate': 1.2,
    'conductor_cpu_per_op': 0.8,
    'put_to_202_mean': 0.9,
    'put_to_202_p50': 0.9,
    'put_to_202_p99': 0.5,
    'put_to_end_p50': 0.95,
}
CPU_NAME = 'conductor_cpu_per_op'
CPU = "conductor's CPU seconds per operation"
WRONG = 'lost, out of order or illegal notifications'


def under_load(plugin=GOOD, backend=forms.MARIADB, clients='8', lost=0):
    books = {'expected': 9, 'lost': 0, 'out_of_order': 0, 'illegal': 0}
    one = {'stock': ROUND, 'plugin': plugin, 'outbox': GOOD}
    return {
        backend.name: {
            'clients': {clients: [one] * 5},
            'notifications': {
                'stock': books | {'lost': 3},
                'plugin': books | {'lost': lost},
                'outbox': books,
            },
        }
    }


@ddt.ddt
class Judge(base.BaseTestCase):
    """From figures to verdicts."""

    def verdicts(self, name, measured, side='plugin'):
        return {
            line.figure: line.verdict
            for line in judge.JUDGES[name](measured)
            if line.side == side and line.limit != 'reported'
        }

    @ddt.data(forms.MARIADB, forms.POSTGRESQL, forms.SQLITE)
    def test_what_is_good_meets_everything(self, backend):
        for clients in forms.LONG.clients[backend]:
            measured = under_load(backend=backend, clients=str(clients))
            for side in figures.OTHERS:
                found = self.verdicts('load', measured, side)
                self.assertLessEqual({WRONG, CPU}, found.keys())
                self.assertLessEqual(set(found.values()), {MET, REPORTED})

    @ddt.unpack
    @ddt.data(
        (forms.MARIADB, '1', 'rate', 1.12, 1.11),
        (forms.MARIADB, '32', 'rate', 1.05, 1.04),
        (forms.SQLITE, '8', 'rate', 1.05, 1.04),
        (forms.MARIADB, '8', 'conductor_cpu_per_op', 0.82, 0.83),
        (forms.SQLITE, '1', 'conductor_cpu_per_op', 0.85, 0.86),
        (forms.MARIADB, '32', 'put_to_202_p50', 0.90, 0.91),
        (forms.MARIADB, '32', 'put_to_202_p99', 1.00, 1.01),
        (forms.SQLITE, '8', 'put_to_202_mean', 0.95, 0.96),
        (forms.SQLITE, '8', 'put_to_202_p99', 0.50, 0.51),
        (forms.SQLITE, '8', 'put_to_end_p50', 0.95, 0.96),
        (forms.MARIADB, '1', 'put_to_end_p99', 1.00, 1.01),
        # No limit of its own.
        (forms.POSTGRESQL, '1', 'rate', 1.00, 0.99),
        (forms.SQLITE, '1', 'put_to_202_p50', 1.00, 1.01),
        (forms.MARIADB, '8', '202_to_end_p50', 1.05, 1.06),
    )
    def test_a_figure_has_its_limit(self, backend, clients, name, good, bad):
        for value, expected in ((good, set()), (bad, {MISSED})):
            measured = under_load(GOOD | {name: value}, backend, clients)
            found = set(self.verdicts('load', measured).values())
            self.assertEqual(expected, found - {MET, REPORTED})

    def test_with_many_clients_on_sqlite_the_median_is_only_reported(self):
        measured = under_load(GOOD | {'put_to_202_p50': 2.7}, forms.SQLITE)
        self.assertNotIn('PUT to 202, p50', self.verdicts('load', measured))

    @ddt.data((0.8, MET, 'CPU seconds'), (1.1, MISSED, 'CPU seconds'))
    def test_cpu_decides_what_the_wall_clock_cannot(self, expected):
        cpu, *said = expected
        measured = under_load(backend=forms.POSTGRESQL)
        rounds = measured[forms.POSTGRESQL.name]['clients']['8']
        rounds[:] = [
            each | {'plugin': GOOD | {'rate': rate, CPU_NAME: cpu}}
            for each, rate in zip(
                rounds, (0.8, 0.9, 1.0, 1.1, 1.2), strict=True
            )
        ]
        line = next(iter(judge.load(measured)))
        self.assertEqual(said, [line.verdict, line.by])

    def test_a_lost_notification_misses(self):
        found = self.verdicts('load', under_load(lost=1))
        self.assertEqual(MISSED, found.pop(WRONG))
        self.assertEqual({MET}, set(found.values()))

    def test_a_round_that_failed_is_counted_and_left_out(self):
        measured = under_load()
        rounds = measured[forms.MARIADB.name]['clients']['8']
        rounds.append(rounds[0] | {'plugin': {load.FAILED: 'why'}})
        found = self.verdicts('load', measured)
        failed = found.pop('rounds in which an operation failed')
        self.assertEqual((MISSED, {MET}), (failed, set(found.values())))
        found = self.verdicts('load', measured, 'outbox')
        self.assertEqual({MET}, set(found.values()))

    def test_an_end_before_the_202_has_no_ratio(self):
        measured = under_load()
        for each in measured[forms.MARIADB.name]['clients']['8']:
            each['stock'] = ROUND | {'202_to_end_p50': -0.01}
        found = self.verdicts('load', measured)
        self.assertEqual(REPORTED, found['202 to end, p50'])

    @ddt.unpack
    @ddt.data(
        ('plugin', {}, set()),
        ('plugin', {'SELECT nodes': 220}, set()),
        ('plugin', {'SELECT nodes': 221}, {'SELECT'}),
        ('plugin', {'UPDATE nodes': 31}, {'UPDATE'}),
        ('plugin', {'COMMIT': 100}, {'COMMIT and ROLLBACK'}),
        ('plugin', {'ROLLBACK': 21}, {'COMMIT and ROLLBACK'}),
        # The outbox may store one row for each transition.
        ('plugin', {'INSERT outbox': 20}, {'INSERT'}),
        ('outbox', {'INSERT outbox': 20}, set()),
        ('outbox', {'INSERT outbox': 21}, {'INSERT'}),
    )
    def test_statements_have_limits(self, side, counts, missed):
        fewer = {'SELECT nodes': 200, 'UPDATE nodes': 30, 'COMMIT': 80}
        stock = {'SELECT nodes': 371, 'UPDATE nodes': 30, 'COMMIT': 100}
        measured = {
            'SQLite, no broker': {
                name: {
                    'operations': 10,
                    'transitions': 20,
                    'by_operations': executed,
                }
                for name, executed in (
                    ('stock', stock),
                    ('plugin', fewer),
                    ('outbox', fewer),
                    (side, fewer | counts),
                )
            }
        }
        found = self.verdicts('statements', measured, side)
        self.assertEqual(
            {f'{kind} per operation' for kind in missed},
            {name for name, verdict in found.items() if verdict is MISSED},
        )

    def test_cpu_decides_of_a_start_that_spreads(self):
        turns = [
            {
                'stock': {'seconds': 1.0, 'cpu': 1.0},
                'plugin': {'seconds': 1.0 + more, 'cpu': 1.01},
                'outbox': {'seconds': 1.0 + more, 'cpu': 1.01},
            }
            for more in (-0.2, -0.1, 0.0, 0.1, 0.2)
        ]
        parts = ('ironic-conductor', 'ironic-api', 'preparation')
        found = self.verdicts('startup', dict.fromkeys(parts, turns))
        self.assertEqual([MET, MET, MISSED], list(found.values()))

    def test_the_task_manager_alone_is_judged_by_its_cpu(self):
        for cpu, verdict in ((1.01, MET), (1.03, MISSED)):
            one = {'stock': {'cpu': 1.0}, 'plugin': {'cpu': cpu}}
            found = self.verdicts('spawns', {'SQLite, no broker': [one] * 5})
            self.assertEqual([verdict], list(found.values()))

    def test_the_snapshot_is_a_small_part_of_a_lock(self):
        for share, verdict in ((0.9, MET), (1.1, MISSED)):
            node = {'node': 'n', 'snapshot': 0.1, 'shares': [share] * 5}
            found = self.verdicts('locks', {'SQLite, no broker': [node]})
            self.assertEqual([verdict], list(found.values()))

    @ddt.unpack
    @ddt.data(
        (2000, 0, [MET, MET]),
        (2100, 0, [MISSED, MET]),
        (2000, 1, [MET, MISSED]),
    )
    def test_memory_is_compared_and_does_not_grow(self, during, grows, said):
        stock = {'operations': 10, 'before': 1000, 'during': 2000}
        flat = [(number, 100) for number in range(1, 11)]
        churn = [(number, 100 + grows * number) for number in range(1, 11)]
        own = stock | {'during': during}
        measured = {
            'running': [{'stock': stock, 'plugin': own, 'outbox': stock}],
            'churn': {'stock': flat, 'plugin': churn, 'outbox': flat},
        }
        self.assertEqual(
            said, list(self.verdicts('memory', measured).values())
        )

    @ddt.unpack
    @ddt.data(
        # Only the outbox must end without the broker.
        ('put_to_202', [0.1, None], [MISSED, REPORTED], [MISSED, MET]),
        ('put_to_end', [None, None], [MET, REPORTED], [MET, MISSED]),
        ('put_to_202', [0.4, 0.4], [MISSED, REPORTED], [MISSED, MET]),
    )
    def test_a_broker_that_is_down(self, name, times, plugin, outbox):
        calm = {'put_to_202': [0.1, 0.1], 'put_to_end': [0.2, 0.2]}
        well = {'healthy': calm, 'slow': calm, 'down': calm}
        ill = well | {'down': calm | {name: times}}
        one = {'stock': well, 'plugin': ill, 'outbox': ill}
        measured = {'rounds': [one] * 5, 'down_seconds': 3.0}
        for side, expected in (('plugin', plugin), ('outbox', outbox)):
            found = [
                line.verdict
                for line in judge.trouble(measured)
                if (line.side, line.where) == (side, 'broker down')
            ]
            self.assertEqual(expected, found)

    def test_growth_is_as_stock(self):
        def size(stock, plugin):
            one, other = (
                dict.fromkeys((*ROUND, 'statements_per_op'), value)
                for value in (stock, plugin)
            )
            return [{'stock': one, 'plugin': other, 'outbox': one}] * 5

        for stock, verdict in ((1.5, MET), (1.0, MISSED)):
            measured = {'10': size(1.0, 1.0), '100': size(stock, 1.5)}
            found = self.verdicts('growth', measured)
            self.assertEqual({verdict}, set(found.values()))


class Times(base.BaseTestCase):
    """How long requests and operations took."""

    def test_the_end_is_the_last_commit_but_not_the_requests_own(self):
        accepted = [
            contract.Accepted(
                node=node,
                name='inspect',
                before='manageable',
                asked_at=10.0,
                accepted_at=10.25,
                shown='inspecting',
                shown_at=10.5,
                ended_at=12.0,
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
        found = load.times(accepted, changes)
        self.assertEqual(0.25, found['put_to_202_p50'])
        self.assertEqual(0.25, found['put_to_202_mean'])
        self.assertEqual(0.5, found['202_to_end_p50'])
        self.assertEqual(0.75, found['put_to_end_p99'])

    def test_a_percentile_is_between_values(self):
        self.assertEqual(50.0, load.percentile(list(range(101)), 50))
        self.assertEqual(99.0, load.percentile(list(range(101)), 99))
        self.assertEqual(7.0, load.percentile([7.0], 99))


class Instruments(base.BaseTestCase):
    """What counts statements, CPU and memory, and keeps figures."""

    def setUp(self):
        super().setUp()
        self.home = pathlib.Path(self.useFixture(fixtures.TempDir()).path)

    def test_statements_have_a_kind_and_a_table(self):
        for statement, expected in (
            ('SELECT nodes.id \nFROM nodes WHERE 1', 'SELECT nodes'),
            ('UPDATE nodes SET a=1', 'UPDATE nodes'),
            ('INSERT INTO `t` (a) VALUES (1)', 'INSERT t'),
            ('delete FROM nodes', 'DELETE nodes'),
            ('SELECT 1', 'SELECT'),
        ):
            self.assertEqual(expected, counted.describe(statement))

    def test_a_command_is_counted(self):
        command, log = self.home / 'command', self.home / 'log'
        command.write_text(
            'import sys, sqlalchemy as sa\n'
            'assert __name__ == "__main__"\n'
            'assert sys.argv[1:] == ["argument"]\n'
            'engine = sa.create_engine("sqlite://")\n'
            'with engine.begin() as connection:\n'
            '    connection.execute(sa.text("CREATE TABLE t (a)"))\n'
            '    connection.execute(sa.text("INSERT INTO t VALUES (1)"))\n'
            'with engine.connect() as connection:\n'
            '    connection.execute(sa.text("SELECT * FROM t"))\n'
        )
        module = [sys.executable, '-m', counted.__name__]
        subprocess.run([*module, log, command, 'argument'], check=True)
        counts, end = counted.read(log)
        kinds = ('CREATE', 'INSERT t', 'COMMIT', 'SELECT t', 'ROLLBACK')
        self.assertEqual({('MainThread', kind): 1 for kind in kinds}, counts)
        self.assertEqual(({}, end), counted.read(log, end))

    def test_cpu_and_memory_of_a_group_are_seen(self):
        code = 'print(sum(range(10**6)), flush=True); input()'
        with subprocess.Popen(
            [sys.executable, '-c', code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        ) as process:
            process.stdout.readline()
            self.assertEqual([process.pid], usage.members(process.pid))
            self.assertGreater(usage.cpu_seconds(process.pid), 0.001)
            self.assertGreater(usage.memory(process.pid), 10**6)
            process.communicate(b'\n')
        self.assertEqual(0.0, usage.cpu_seconds(process.pid))

    def test_figures_of_another_machine_are_not_mixed_in(self):
        document = report.new()
        report.add(document, 'load', forms.SHORT, under_load())
        report.save(document, self.home)
        self.assertEqual(document, report.opened(self.home))
        document['machine']['processors'] = '1000'
        report.save(document, self.home)
        self.assertRaisesRegex(
            errors.LaboratoryError,
            'processors: 1000',
            report.opened,
            self.home,
        )


def frame(kind, payload):
    return struct.pack('>BHI', kind, 1, len(payload)) + payload + b'\xce'


GREETING = b'AMQP\0\0\x09\x01'
PUBLISH = frame(1, struct.pack('>HH', 60, 40) + b'exchange')
# An acknowledgement; a heartbeat, which has no payload; and a body, which may
# begin with anything.
OTHERS = (
    frame(1, struct.pack('>HH', 60, 80) + b'tag'),
    frame(8, b''),
    frame(3, struct.pack('>HH', 60, 40)),
)


class SlowBroker(base.BaseTestCase):
    """The proxy knows a publish, and hands on what it was given."""

    def broker(self):
        """Start a server that sends back what it gets; return its port."""
        server = socket.create_server(('127.0.0.1', 0))

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection, contextlib.suppress(OSError):
                        while chunk := connection.recv(65536):
                            connection.sendall(chunk)

        threading.Thread(target=serve, daemon=True).start()
        self.addCleanup(server.close)
        return server.getsockname()[1]

    def exchange(self, proxy, data):
        connection = socket.create_connection(('127.0.0.1', proxy.port), 30)
        self.addCleanup(connection.close)
        connection.sendall(data)
        found = b''
        while len(found) < len(data):
            found += connection.recv(65536)
        self.assertEqual(data, found)
        return connection

    def test_everything_is_handed_on_and_publishes_are_counted(self):
        with slow_broker.SlowBroker(self.broker()) as proxy:
            self.exchange(proxy, GREETING + PUBLISH + b''.join(OTHERS))
            self.assertEqual(1, proxy.published)

    def test_down_closes_connections_and_refuses_new_ones(self):
        with slow_broker.SlowBroker(self.broker()) as proxy:
            before = self.exchange(proxy, GREETING)
            proxy.down()
            with contextlib.suppress(ConnectionResetError):
                self.assertEqual(b'', before.recv(1))
            self.assertRaises(OSError, self.exchange, proxy, GREETING)
            proxy.up()
            self.exchange(proxy, GREETING)
