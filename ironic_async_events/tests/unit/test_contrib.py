# SPDX-License-Identifier: Apache-2.0
"""Alert rules and dashboard use only metrics and labels that there are.

That Prometheus takes the rules and the queries is a functional test.
"""

import json
import pathlib
import re

from oslotest import base
import testtools

import ironic_async_events
from ironic_async_events.audit import table
from ironic_async_events.command import backlog
from ironic_async_events.command import metrics

CONTRIB = (
    pathlib.Path(ironic_async_events.__file__).parents[1]
    / 'contrib'
    / 'prometheus'
)
FAMILIES = {
    family.name: family for family in (*metrics.FAMILIES, *backlog.FAMILIES)
}
_SUFFIX = re.compile('(_bucket|_count|_sum)$')
_SELECTOR = re.compile(r'\b(ironic_[a-z_]+)(?:\s*\{([^}]*)\})?')
_LABEL = re.compile(r'([a-z_]+)\s*=~?\s*"')
_GROUPED = re.compile(r'\bby \(([^)]*)\)')
_STATES = re.compile(r'provision_state=~"(adopting[^"]*)"')


def expressions():
    """Return the queries of the dashboard and of the alert rules."""
    dashboard = json.loads((CONTRIB / 'dashboard.json').read_text())
    found = [
        target['expr']
        for panel in dashboard['panels']
        for target in panel['targets']
    ]
    rules = (CONTRIB / 'alerts.yaml').read_text()
    found += re.findall(r'expr: (.*?)\n +(?:for|labels):', rules, re.DOTALL)
    return found


@testtools.skipUnless(CONTRIB.exists(), 'installed without contrib/')
class ContribTest(base.BaseTestCase):
    def test_each_metric_and_each_label_exists(self):
        self.assertGreater(len(expressions()), 20)
        for expression in expressions():
            labels = {'le'}
            for name, selector in _SELECTOR.findall(expression):
                family = FAMILIES.get(_SUFFIX.sub('', name))
                self.assertIsNotNone(family, name)
                self.assertEqual(
                    family is metrics.DURATION,
                    _SUFFIX.search(name) is not None,
                    name,
                )
                for label in _LABEL.findall(selector):
                    self.assertIn(label, family.labels, expression)
                labels.update(family.labels)
            for group in _GROUPED.findall(expression):
                self.assertLessEqual(set(group.split(', ')), labels)

    def test_each_metric_has_a_query(self):
        asked = {
            _SUFFIX.sub('', name)
            for expression in expressions()
            for name, _selector in _SELECTOR.findall(expression)
        }
        # These explain others.
        spared = {
            metrics.MISSING.name,
            metrics.LATE.name,
            metrics.HELD.name,
            metrics.IGNORED.name,
            metrics.LAST.name,
        }
        self.assertEqual(set(FAMILIES) - spared, asked)

    def test_the_transient_states_are_those_of_the_machine(self):
        lists = [
            set(states.split('|'))
            for expression in expressions()
            for states in _STATES.findall(expression)
        ]
        self.assertEqual(3, len(lists))
        for states in lists:
            self.assertEqual(set(table.UNSTABLE), states)

    def test_panels_have_their_own_numbers_and_places(self):
        panels = json.loads((CONTRIB / 'dashboard.json').read_text())['panels']
        self.assertEqual(
            list(range(1, len(panels) + 1)), [one['id'] for one in panels]
        )
        covered = [
            (x, y)
            for one in panels
            for x in range(
                one['gridPos']['x'], sum(map(one['gridPos'].get, 'xw'))
            )
            for y in range(
                one['gridPos']['y'], sum(map(one['gridPos'].get, 'yh'))
            )
        ]
        self.assertEqual(len(covered), len(set(covered)))
        self.assertEqual(23, max(x for x, _y in covered))
