# SPDX-License-Identifier: Apache-2.0
"""What the runs on Galera make of what they saw."""

from oslotest import base

from laboratory import witness
from laboratory.galera import judge
from laboratory.galera import scenarios

NODE = '11111111-2222-3333-4444-555555555555'
CONFLICT = (
    "(pymysql.err.OperationalError) (1213, 'Deadlock found when trying to get "
    "lock')"
)
LOG = f"""\
2026-11-30 16:57:15.149 7 INFO ironic.conductor [None req-1 - -] All is well
2026-11-30 16:57:15.149 7 ERROR ironic.rpc [None req-1 - -] Unexpected RPC \
exception DBDeadlock: {CONFLICT}
2026-11-30 16:57:15.153 7 ERROR ironic.rpc [None req-2 - -] Node {NODE} failed
"""


def seen(number, at, before, state, node=NODE):
    return witness.Seen(number, node, before, state, at)


def judged(nodes=(), log='', changes=()):
    figures, _ = judge.result(changes, (), (), nodes, log)
    return figures


class Judge(base.BaseTestCase):
    def test_the_time_decides_and_not_the_id(self):
        first = seen(8, 1.0, None, 'enroll')
        second = seen(5, 2.0, 'enroll', 'verifying')
        third = seen(6, 3.0, 'verifying', 'manageable')
        self.assertEqual(
            [first, second, third], judge.in_order([second, third, first])
        )
        # They are no chain.
        self.assertRaises(ValueError, judge.in_order, [first, third])

    def test_a_node_in_a_transient_state_is_stranded(self):
        figures = judged(
            [
                ('a', 'cleaning', None, None),
                ('b', 'manageable', 'host', None),
                ('c', 'active', None, None),
            ]
        )
        self.assertEqual((1, 1), (figures['stranded'], figures['locked']))

    def test_a_change_that_nobody_announced_is_lost(self):
        figures = judged(
            [(NODE, 'verifying', None, None)],
            changes=[
                seen(1, 1.0, None, 'enroll'),
                seen(2, 2.0, 'enroll', 'verifying'),
                seen(4, 4.0, 'enroll', 'verifying', 'of another run'),
            ],
        )
        self.assertEqual(
            [1, 0, 1], [figures[x] for x in ('changes', 'announced', 'lost')]
        )

    def test_a_conflict_that_failed_a_request_is_counted(self):
        self.assertEqual(1, judged(log=LOG)['conflicts'])
        frozen = LOG.replace('1213', '1205')
        self.assertEqual(0, judged(log=frozen)['conflicts'])

    def test_a_busy_node_is_no_failure(self):
        for code in (202, 404, 409, 503):
            self.assertEqual('', judge.failed('PUT', code, b''))
        self.assertEqual('', judge.failed('GET', 500, b''))
        self.assertEqual('500: why', judge.failed('PUT', 500, b'why'))
        self.assertEqual('0: no route', judge.failed('PUT', 0, 'no route'))

    def test_what_is_promised_must_hold(self):
        figures = judge.Figures(changes=1, lost=2, locked=1)
        self.assertEqual(['lost'], judge.broken(figures, ['lost', 'wrong']))
        # A run without a change shows nothing.
        self.assertEqual(['changes'], judge.broken(judge.Figures(), ['lost']))

    def test_the_plugin_may_lose_what_a_broker_has_lost(self):
        broker = scenarios.SCENARIOS['broker']
        self.assertIn('lost', broker.promised('outbox'))
        self.assertNotIn('lost', broker.promised('plugin'))
