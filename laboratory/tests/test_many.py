# SPDX-License-Identifier: Apache-2.0
"""What is made of the heartbeats of many nodes."""

from oslotest import base

from laboratory.many import report


def a_round(cpu, refused=0):
    beats = {'cpu_per_beat': cpu, 'rate': 15.0, 'late': 0.1, 'forgotten': 0}
    beats['codes'] = {'202': 150, '503': refused}
    took = {'put_to_202': [0.1], '202_to_end': [0.2]}
    lives = {'cpu_per_transition': 0.03, 'failed': [], 'refused': []}
    lives['took'] = took
    one = {'beats': beats, 'lives': lives, 'both': lives | beats}
    return {'before': 190e6, **one, 'memory': 200e6}


class Report(base.BaseTestCase):
    def bad(self, plugin, stranded=0):
        """Return the titles of the lines that do not hold."""
        sides = {'stock': a_round(0.02), 'plugin': plugin}
        sides['outbox'] = a_round(0.019)
        end = {'expected': 10, 'lost': 0, 'out_of_order': 0, 'idle': 0.01}
        ends = dict.fromkeys(sides, end | {'stranded': stranded})
        lines = report.lines({'rounds': [sides], 'ends': [ends]})
        return [cells[0] for good, cells in lines if not good]

    def test_what_is_as_good_as_stock_holds(self):
        self.assertEqual([], self.bad(a_round(0.02)))

    def test_a_dearer_heartbeat_does_not_hold(self):
        self.assertEqual([report.CPU_OF_A_BEAT], self.bad(a_round(0.021)))

    def test_a_heartbeat_that_stock_accepts_may_not_be_refused(self):
        titles = self.bad(a_round(0.02, refused=1))
        self.assertEqual([report.REFUSED], titles)

    def test_no_node_may_be_stranded(self):
        self.assertEqual([report.STRANDED], self.bad(a_round(0.02), 1))
