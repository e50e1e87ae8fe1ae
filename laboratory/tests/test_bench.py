# SPDX-License-Identifier: Apache-2.0
"""What the benchmark makes of what it has measured, and its instruments."""

import asyncio
import contextlib
import importlib.util
import json
import pathlib
import socket
import struct
import subprocess
import sys
import threading

import fixtures
from oslotest import base

from laboratory import contract
from laboratory import errors
from laboratory import witness
from laboratory.bench import __main__ as bench
from laboratory.bench import counted
from laboratory.bench import figures
from laboratory.bench import forms
from laboratory.bench import judge
from laboratory.bench import machine
from laboratory.bench import page
from laboratory.bench import pictures
from laboratory.bench import report
from laboratory.bench import rounds
from laboratory.bench import sides
from laboratory.bench import slow_broker
from laboratory.bench import usage

MET = figures.Verdict.MET
MISSED = figures.Verdict.MISSED
UNDECIDED = figures.Verdict.UNDECIDED
REPORTED = figures.Verdict.REPORTED


class Spread(base.BaseTestCase):
    """The interval of a median, and what it says about a limit."""

    def test_the_interval_of_five_rounds_is_all_of_them(self):
        self.assertEqual(
            figures.Spread(3.0, 1.0, 9.0, 5),
            figures.spread([9.0, 1.0, 2.0, 3.0, 4.0]),
        )

    def test_the_interval_of_many_rounds_leaves_outliers_out(self):
        # With one of each side left out, 238 of 256 are covered.
        self.assertEqual(
            figures.Spread(4.5, 2.0, 7.0, 8),
            figures.spread([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 100.0]),
        )

    def test_the_interval_of_one_round_is_a_point(self):
        self.assertEqual(
            figures.Spread(2.0, 2.0, 2.0, 1), figures.spread([2.0])
        )

    def test_rounds_are_compared_in_pairs(self):
        # The machine was ten times as slow in the second one.
        self.assertEqual(
            figures.Spread(1.1, 1.1, 1.1, 2),
            figures.ratios([1.1, 11.0], [1.0, 10.0]),
        )

    def test_all_below_an_upper_limit_meets_it(self):
        found = figures.Spread(0.95, 0.9, 1.0, 5)
        self.assertEqual(MET, figures.at_most(found, 1.0))

    def test_all_above_an_upper_limit_misses_it(self):
        found = figures.Spread(1.2, 1.01, 1.3, 5)
        self.assertEqual(MISSED, figures.at_most(found, 1.0))

    def test_the_limit_within_the_interval_decides_nothing(self):
        found = figures.Spread(1.0, 0.9, 1.1, 5)
        self.assertEqual(UNDECIDED, figures.at_most(found, 1.0))
        self.assertEqual(UNDECIDED, figures.at_least(found, 1.0))

    def test_four_rounds_decide_nothing(self):
        found = figures.Spread(2.0, 2.0, 2.0, 4)
        self.assertEqual(UNDECIDED, figures.at_most(found, 1.0))
        self.assertEqual(UNDECIDED, figures.at_least(found, 1.0))

    def test_a_lower_limit_is_met_from_above(self):
        found = figures.Spread(1.2, 1.0, 1.3, 5)
        self.assertEqual(MET, figures.at_least(found, 1.0))
        self.assertEqual(MISSED, figures.at_least(found, 1.4))

    def test_the_wall_clock_comes_first(self):
        cpu = figures.Spread(2.0, 2.0, 2.0, 5)
        self.assertEqual((MET, 'wall clock'), figures.decided(MET, cpu))

    def test_cpu_seconds_decide_what_the_wall_clock_cannot(self):
        for middle, verdict in ((1.0, MET), (1.1, MISSED)):
            cpu = figures.Spread(middle, middle, middle, 5)
            self.assertEqual(
                (verdict, 'CPU seconds'), figures.decided(UNDECIDED, cpu)
            )


def round_of(**more):
    names = (
        'rate',
        'conductor_cpu_per_op',
        'statements_per_op',
        *(
            f'{way}_{share}'
            for way in ('put_to_202', '202_to_end', 'put_to_end')
            for share in ('p50', 'p99')
        ),
    )
    return dict.fromkeys(names, 1.0) | more


def notifications(**more):
    return {'expected': 9, 'lost': 0, 'out_of_order': 0, 'illegal': 0, **more}


def load(plugin, stock=None, **lost):
    one = {
        'stock': stock or round_of(),
        'plugin': plugin,
        'outbox': round_of(),
    }
    return {
        'MariaDB, RabbitMQ': {
            'clients': {'8': [one] * 5},
            'notifications': {
                'stock': notifications(lost=3),
                'plugin': notifications(**lost),
                'outbox': notifications(),
            },
        }
    }


class Judge(base.BaseTestCase):
    """From figures to verdicts."""

    def verdicts(self, lines, side='plugin'):
        return {
            line.figure: line.verdict for line in lines if line.side == side
        }

    def test_what_is_as_stock_meets_everything(self):
        found = self.verdicts(judge.JUDGES['load'](load(round_of())))
        self.assertEqual({MET}, set(found.values()))
        self.assertEqual(9, len(found))

    def test_slower_in_every_round_misses(self):
        found = self.verdicts(judge.JUDGES['load'](load(round_of(rate=0.9))))
        self.assertEqual(MISSED, found.pop('operations per second'))
        self.assertEqual({MET}, set(found.values()))

    def test_more_cpu_misses(self):
        one = round_of(conductor_cpu_per_op=1.03)
        found = self.verdicts(judge.JUDGES['load'](load(one)))
        self.assertEqual(
            MISSED, found["conductor's CPU seconds per operation"]
        )

    def test_a_lost_notification_misses(self):
        found = self.verdicts(judge.JUDGES['load'](load(round_of(), lost=1)))
        self.assertEqual(
            MISSED, found['lost, out of order or illegal notifications']
        )

    def test_a_round_that_failed_is_counted_and_left_out(self):
        found = load(round_of())
        of_clients = found['MariaDB, RabbitMQ']['clients']
        of_clients['8'] = [
            *of_clients['8'],
            of_clients['8'][0] | {'plugin': {rounds.FAILED: 'why'}},
        ]
        for side, verdicts in (('plugin', {MET, MISSED}), ('outbox', {MET})):
            self.assertEqual(
                verdicts,
                set(self.verdicts(judge.JUDGES['load'](found), side).values()),
            )
        self.assertEqual(
            MISSED,
            self.verdicts(judge.JUDGES['load'](found))[
                'rounds in which an operation failed'
            ],
        )

    def test_an_end_before_the_202_has_no_ratio(self):
        stock = round_of(**{'202_to_end_p50': -0.01})
        found = self.verdicts(judge.JUDGES['load'](load(round_of(), stock)))
        self.assertEqual(REPORTED, found['202 to end, p50'])

    def counts(self, **more):
        stock = {'SELECT nodes': 30, 'COMMIT': 10}
        return {
            'SQLite, no broker': {
                name: {
                    'operations': 10,
                    'transitions': 20,
                    'by_operations': stock | more.get(name, {}),
                    'by_relay': {},
                }
                for name in ('stock', 'plugin', 'outbox')
            }
        }

    def test_one_statement_more_misses(self):
        found = self.counts(plugin={'SELECT conductors': 1})
        self.assertEqual(
            {'SELECT per operation': MISSED, 'COMMIT per operation': MET},
            self.verdicts(judge.JUDGES['statements'](found)),
        )

    def test_the_outbox_may_insert_one_for_each_transition(self):
        for number, verdict in ((20, MET), (21, MISSED)):
            found = self.counts(outbox={'INSERT outbox': number})
            self.assertEqual(
                verdict,
                self.verdicts(judge.JUDGES['statements'](found), 'outbox')[
                    'INSERT per operation'
                ],
            )

    def test_the_plugin_may_not(self):
        found = self.counts(plugin={'INSERT outbox': 20})
        self.assertEqual(
            MISSED,
            self.verdicts(judge.JUDGES['statements'](found))[
                'INSERT per operation'
            ],
        )

    def start(self, wall, cpu):
        stock = {'seconds': 1.0, 'cpu': 1.0}
        other = [{'seconds': 1.0 + one, 'cpu': 1.0 + cpu} for one in wall]
        turns = [
            {'stock': stock, 'plugin': one, 'outbox': one} for one in other
        ]
        parts = ('ironic-conductor', 'ironic-api', 'preparation')
        return {
            (line.figure.removeprefix('start of '), line.verdict, line.by)
            for line in judge.JUDGES['startup'](dict.fromkeys(parts, turns))
        }

    def test_cpu_decides_of_a_start_that_spreads(self):
        wall = (-0.2, -0.1, 0.0, 0.1, 0.2)
        self.assertEqual(
            {
                ('ironic-conductor', MET, 'CPU seconds'),
                ('ironic-api', MET, 'CPU seconds'),
                ('ironic-api, up to its configuration', MISSED, 'CPU seconds'),
            },
            self.start(wall, 0.01),
        )

    def test_the_task_manager_alone_is_judged_by_its_cpu(self):
        for cpu, verdict in ((1.01, MET), (1.03, MISSED)):
            one = {'stock': {'cpu': 1.0}, 'plugin': {'cpu': cpu}}
            found = judge.JUDGES['spawns']({'SQLite, no broker': [one] * 5})
            self.assertEqual([verdict], list(self.verdicts(found).values()))

    def memory(self, during, churn):
        stock = {'operations': 10, 'before': 1000, 'during': 2000}
        one = {
            'stock': stock,
            'plugin': stock | {'during': during},
            'outbox': stock,
        }
        flat = [(number, 100) for number in range(1, 11)]
        return self.verdicts(
            judge.JUDGES['memory'](
                {
                    'running': [one],
                    'churn': {
                        'stock': flat,
                        'plugin': churn or flat,
                        'outbox': flat,
                    },
                }
            )
        )

    def test_memory_that_grows_misses(self):
        grows = [(number, 100 + number) for number in range(1, 11)]
        self.assertEqual(
            [MET, MISSED], list(self.memory(2000, grows).values())
        )

    def test_memory_of_running_operations_misses(self):
        self.assertEqual([MISSED, MET], list(self.memory(2100, None).values()))

    def trouble(self, **down):
        calm = {'put_to_202': [0.1, 0.1], 'put_to_end': [0.2, 0.2]}
        side = {'healthy': calm, 'slow': calm, 'down': calm}
        one = {
            'stock': side,
            'plugin': side | {'down': calm | down},
            'outbox': side | {'down': calm | down},
        }
        lines = judge.JUDGES['trouble'](
            {'rounds': [one] * 5, 'delay': 0.2, 'down_seconds': 3.0}
        )
        return {
            (line.side, line.figure.partition(':')[0]): line.verdict
            for line in lines
            if line.where == 'broker down'
        }

    def test_an_answer_that_never_came_misses(self):
        found = self.trouble(put_to_202=[0.1, None])
        self.assertEqual(MISSED, found['plugin', 'PUT to 202'])
        self.assertEqual(MET, found['outbox', 'PUT to end'])

    def test_only_the_outbox_must_end_without_the_broker(self):
        found = self.trouble(put_to_end=[None, None])
        self.assertEqual(REPORTED, found['plugin', 'PUT to end'])
        self.assertEqual(MISSED, found['outbox', 'PUT to end'])

    def growth(self, plugin, stock):
        def size(one, other):
            value = dict.fromkeys(
                (
                    'statements_per_op',
                    'conductor_cpu_per_op',
                    'put_to_202_p50',
                    'put_to_end_p50',
                )
            )
            return [
                {
                    'stock': dict.fromkeys(value, one),
                    'plugin': dict.fromkeys(value, other),
                    'outbox': dict.fromkeys(value, one),
                }
            ] * 5

        found = {'10': size(1.0, 1.0), '100': size(stock, plugin)}
        return set(self.verdicts(judge.JUDGES['growth'](found)).values())

    def test_growth_as_stock_is_met(self):
        self.assertEqual({MET}, self.growth(plugin=1.5, stock=1.5))

    def test_growth_beyond_stock_misses(self):
        self.assertEqual({MISSED}, self.growth(plugin=1.5, stock=1.0))


class Times(base.BaseTestCase):
    """How long requests and operations took."""

    def accepted(self, node):
        return contract.Accepted(
            node=node,
            name='inspect',
            before='manageable',
            asked_at=10.0,
            accepted_at=10.25,
            shown='inspecting',
            shown_at=10.5,
            ended_at=12.0,
        )

    def seen(self, node, at):
        return witness.Seen(1, node, 'before', 'after', None, None, at)

    def test_the_end_is_the_last_commit(self):
        found = rounds.times(
            [self.accepted('a')],
            [self.seen('a', at) for at in (9.0, 10.125, 10.75, 13.0)],
        )
        self.assertEqual(0.25, found['put_to_202_p50'])
        self.assertEqual(0.5, found['202_to_end_p50'])
        self.assertEqual(0.75, found['put_to_end_p50'])

    def test_a_change_made_for_the_request_itself_is_no_end(self):
        found = rounds.times(
            [self.accepted('a'), self.accepted('b')],
            [
                self.seen('a', 10.125),
                self.seen('b', 10.125),
                self.seen('b', 11.0),
            ],
        )
        self.assertEqual(1.0, found['put_to_end_p50'])

    def test_a_percentile_is_between_values(self):
        self.assertEqual(50.0, rounds.percentile(list(range(101)), 50))
        self.assertEqual(99.0, rounds.percentile(list(range(101)), 99))
        self.assertEqual(7.0, rounds.percentile([7.0], 99))


class Statements(base.BaseTestCase):
    """What SQLAlchemy executes is written down, and read back."""

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
        home = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        command = home / 'command'
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
        log = home / 'log'
        subprocess.run(
            [
                sys.executable,
                '-m',
                counted.__name__,
                str(log),
                str(command),
                'argument',
            ],
            check=True,
        )
        counts, end = counted.read(log)
        self.assertEqual(
            {
                ('MainThread', 'CREATE'): 1,
                ('MainThread', 'INSERT t'): 1,
                ('MainThread', 'COMMIT'): 1,
                ('MainThread', 'SELECT t'): 1,
                ('MainThread', 'ROLLBACK'): 1,
            },
            counts,
        )
        self.assertEqual(({}, end), counted.read(log, end))


def frame(kind, payload):
    return struct.pack('>BHI', kind, 1, len(payload)) + payload + b'\xce'


PUBLISH = frame(1, struct.pack('>HH', 60, 40) + b'exchange')
ACK = frame(1, struct.pack('>HH', 60, 80) + b'tag')
# A heartbeat has no payload, and a body may begin with anything.
HEARTBEAT = frame(8, b'')
BODY = frame(3, struct.pack('>HH', 60, 40))


class SlowBroker(base.BaseTestCase):
    """The proxy knows a publish, and hands on what it was given."""

    def test_only_a_publish_is_one(self):
        self.assertEqual(
            [True, False, False, False],
            [
                slow_broker.is_publish(one)
                for one in (PUBLISH, ACK, HEARTBEAT, BODY)
            ],
        )

    def test_frames_are_read_whole(self):
        async def read():
            reader = asyncio.StreamReader()
            reader.feed_data(HEARTBEAT + PUBLISH)
            reader.feed_eof()
            return [await slow_broker.read_frame(reader) for _ in range(2)]

        self.assertEqual([HEARTBEAT, PUBLISH], asyncio.run(read()))

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

    def connect(self, proxy):
        found = socket.create_connection(('127.0.0.1', proxy.port), 30)
        self.addCleanup(found.close)
        return found

    def exchange(self, connection, data):
        connection.sendall(data)
        found = b''
        while len(found) < len(data):
            found += connection.recv(65536)
        return found

    def test_everything_is_handed_on_and_publishes_are_counted(self):
        data = b'AMQP\0\0\x09\x01' + HEARTBEAT + PUBLISH + BODY + ACK
        with slow_broker.SlowBroker(self.broker()) as proxy:
            self.assertEqual(data, self.exchange(self.connect(proxy), data))
            self.assertEqual(1, proxy.published)

    def test_down_closes_connections_and_refuses_new_ones(self):
        greeting = b'AMQP\0\0\x09\x01'
        with slow_broker.SlowBroker(self.broker()) as proxy:
            before = self.connect(proxy)
            self.exchange(before, greeting)
            proxy.down()
            with contextlib.suppress(ConnectionResetError):
                self.assertEqual(b'', before.recv(1))
            self.assertRaises(OSError, self.connect, proxy)
            proxy.up()
            self.assertEqual(
                greeting, self.exchange(self.connect(proxy), greeting)
            )


class Report(base.BaseTestCase):
    """The file that pieces are added to, the table, and the page."""

    def setUp(self):
        super().setUp()
        self.home = pathlib.Path(self.useFixture(fixtures.TempDir()).path)

    def document(self):
        found = report.new()
        measured = load(round_of(rate=0.5))
        report.add(found, 'load', forms.SHORT, measured)
        return found

    def test_pieces_are_added_to_what_is_there(self):
        report.save(self.document(), self.home)
        self.assertEqual(self.document(), report.opened(self.home))

    def test_what_is_not_there_is_begun(self):
        self.assertEqual({}, report.opened(self.home / 'new')['figures'])

    def test_pieces_of_another_machine_are_refused(self):
        other = self.document()
        other['machine'] = other['machine'] | {'processors': '1000'}
        report.save(other, self.home)
        raised = self.assertRaises(
            errors.LaboratoryError, report.opened, self.home
        )
        self.assertIn('processors: 1000', str(raised))

    def test_differences_are_named(self):
        self.assertEqual(
            ['b: 1, None'], machine.differ({'a': '1', 'b': '1'}, {'a': '1'})
        )

    def test_the_page_names_what_misses(self):
        text = '\n'.join(page.compose(self.document(), []))
        summary = text.partition('In short')[2].partition('Under load')[0]
        self.assertIn('operations per second', summary)
        self.assertNotIn('PUT to 202', summary)

    def test_the_page_has_short_lines_and_no_figure_that_is_missing(self):
        lines = list(page.compose(self.document(), []))
        self.assertEqual([], [one for one in lines if len(one) > 79])
        self.assertNotIn('Memory', lines)

    def test_pictures_are_drawn_of_what_is_there(self):
        if importlib.util.find_spec('matplotlib') is None:
            self.skipTest('matplotlib is not installed')
        self.assertEqual(
            ['benchmark-load.svg'],
            pictures.draw(self.document(), self.home),
        )
        self.assertIn('<svg', (self.home / 'benchmark-load.svg').read_text())

    def test_documents_are_plain_json(self):
        report.save(self.document(), self.home)
        text = (self.home / report.NAME).read_text()
        self.assertEqual(self.document(), json.loads(text))


class Sides(base.BaseTestCase):
    """What the three sides are, and what they use."""

    def test_drivers_with_a_broker(self):
        self.assertEqual(
            [
                ['messagingv2'],
                ['messagingv2', 'async_events'],
                ['async_events_outbox'],
            ],
            [side.drivers(True) for side in sides.SIDES],
        )

    def test_without_a_broker_all_are_recorded(self):
        for side in sides.SIDES:
            self.assertEqual('async_events_recorder', side.drivers(False)[0])

    def test_every_spread_has_five_rounds(self):
        for form in (forms.SHORT, forms.LONG):
            self.assertGreaterEqual(form.rounds, 5)

    def test_the_long_form_measures_everything(self):
        self.assertEqual(list(bench.FIGURES), list(forms.LONG.figures))
        self.assertLess(set(forms.SHORT.figures), set(bench.FIGURES))

    def test_cpu_and_memory_of_a_group_are_seen(self):
        with subprocess.Popen(
            [
                sys.executable,
                '-c',
                'print(sum(range(10**6)), flush=True); input()',
            ],
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
