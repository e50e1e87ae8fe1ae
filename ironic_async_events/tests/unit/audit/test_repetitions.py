# SPDX-License-Identifier: Apache-2.0
"""A relay that takes over repeats messages: they are duplicates, no more."""

import random

from oslotest import base
from testtools import content

from ironic_async_events.audit.violation import Kind
from ironic_async_events.tests.samples import recordings

#: As many as a relay repeats at most: the highest outbox_batch.
MOST = 1000


def numbered(observations):
    """Make the numbered notifications of the same steps."""
    return [
        seen._replace(
            message_id=f'{seen.message_id}-event',
            kind='provision_event',
            created=None,
            sequence=number,
        )
        for number, seen in enumerate(observations, 1)
    ]


class RepetitionsTest(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.seed = random.randrange(1 << 32)
        self.addDetail('seed', content.text_content(str(self.seed)))
        self.dice = random.Random(self.seed)
        self.lives = [
            recordings.observations(way(self.dice, MOST))
            for way in (recordings.walk, recordings.rounds)
        ]
        self.lives += [numbered(life) for life in self.lives]

    def assert_duplicates(self, expected, stream):
        """Assert that the audit finds duplicates, these and nothing else."""
        found = recordings.check(stream, complete=True)
        # First what is short.
        self.assertEqual(set(), {one.kind for one in found} - {Kind.DUPLICATE})
        self.assertEqual(
            [(Kind.DUPLICATE, seen.message_id) for seen in expected],
            [(one.kind, one.observation.message_id) for one in found],
        )

    def test_a_run_that_comes_twice_is_duplicates(self):
        for life in self.lives:
            for count in (*range(1, 61), 100, 256, 512, MOST):
                # The node comes to rest after the run, or it is unfinished.
                run, rest = life[:count], life[count:]
                self.assert_duplicates(run, run + run + rest)

    def test_a_run_that_comes_again_and_again_is_duplicates(self):
        for life in self.lives:
            run, rest = life[:MOST], life[MOST:]
            self.assert_duplicates(run * 4, run * 5 + rest)

    def test_a_node_that_is_gone_meanwhile_is_no_excuse(self):
        life = self.lives[0][:50]
        born = life[0]._replace(
            message_id='born', kind='create', status='end', state='enroll'
        )
        gone = life[-1]._replace(
            message_id='gone', kind='delete', status='end'
        )
        run = [born, *life, gone]
        self.assert_duplicates(run, run + run)

    def test_runs_of_many_nodes_that_come_again_are_duplicates(self):
        for _history in range(20):
            stream, repeated = self.history()
            self.assert_duplicates(repeated, stream)

    def history(self):
        """Make what a bus delivers of some nodes while relays die.

        :returns: the stream, and the repetitions in it.
        """
        lives = []
        for node in range(self.dice.randrange(1, 12)):
            way = self.dice.choice((recordings.walk, recordings.rounds))
            steps = way(self.dice, self.dice.randrange(2, 400))
            life = recordings.observations(steps, f'node-{node}')
            lives.append(life)
            if self.dice.random() < 0.5:
                lives.append(numbered(life))
        messages = []
        while any(lives):
            life = self.dice.choice([x for x in lives if x])
            count = self.dice.randrange(1, 30)
            messages += life[:count]
            del life[:count]
        stream, repeated = [], []
        while messages:
            count = self.dice.randrange(1, MOST)
            batch, messages = messages[:count], messages[count:]
            stream += batch
            for _death in range(self.dice.randrange(3)):
                stream += batch
                repeated += batch
        return stream, repeated
