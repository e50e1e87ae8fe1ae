# SPDX-License-Identifier: Apache-2.0
"""Which queues never get a failure."""

import ddt
from oslotest import base

from ironic_async_events.command import consumers

INFO = f'{consumers.TOPIC}.info'
ERROR = f'{consumers.TOPIC}.error'


def queue(name, *keys, readers=1, host='/'):
    return consumers.Queue(host, name, frozenset(keys), readers)


@ddt.ddt
class MatchesTest(base.BaseTestCase):
    @ddt.data(
        ('a.b', 'a.b', True),
        ('a.b', 'a.c', False),
        ('a.*', 'a.b', True),
        ('a.*', 'a', False),
        ('a.*', 'a.b.c', False),
        ('*.b', 'a.b', True),
        ('#', 'a.b.c', True),
        ('#', '', True),
        ('a.#', 'a', True),
        ('a.#', 'a.b.c', True),
        ('#.c', 'a.b.c', True),
        ('#.c', 'a.b', False),
        ('a.#.c', 'a.c', True),
        ('a', 'a.b', False),
    )
    @ddt.unpack
    def test_as_a_topic_exchange_does(self, pattern, key, expected):
        self.assertIs(expected, consumers.matches(pattern, key))


class ConcernsTest(base.BaseTestCase):
    def test_a_queue_that_gets_both_is_fine(self):
        for keys in (
            (INFO, ERROR),
            (f'{consumers.TOPIC}.*',),
            (f'{consumers.TOPIC}.#',),
            ('#',),
            ('*.info', '*.error'),
            (ERROR,),
            ('other.info',),
        ):
            self.assertEqual([], consumers.concerns([queue('mine', *keys)]))

    def test_a_queue_that_gets_info_alone_is_named(self):
        for keys in ((INFO,), ('*.info',), (INFO, 'other.error')):
            (line,) = consumers.concerns([queue('mine', *keys, host='cell')])
            self.assertIn('queue mine (virtual host cell)', line)
            self.assertIn(f'not {ERROR}', line)
            self.assertIn(f'Bind it to {consumers.TOPIC}.*', line)

    def test_queues_of_the_sender_matter_when_they_are_read(self):
        error = queue(ERROR, ERROR, readers=0)
        unread = queue(INFO, INFO, readers=0)
        self.assertEqual([], consumers.concerns([unread, error]))
        read = unread._replace(consumers=1)
        for queues in ([read, error], [read]):
            (line,) = consumers.concerns(queues)
            self.assertIn(f'{ERROR} has none', line)
        self.assertEqual(
            [], consumers.concerns([read, error._replace(consumers=1)])
        )

    def test_virtual_hosts_are_kept_apart(self):
        queues = [
            queue(INFO, INFO, host='one'),
            queue(ERROR, ERROR, host='two'),
        ]
        (line,) = consumers.concerns(queues)
        self.assertIn('virtual host one', line)

    def test_another_topic(self):
        queues = [queue('mine', 'x.info'), queue('yours', INFO)]
        (line,) = consumers.concerns(queues, 'x')
        self.assertIn('queue mine', line)
