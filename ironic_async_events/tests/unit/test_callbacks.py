# SPDX-License-Identifier: Apache-2.0

import functools
import inspect
from unittest import mock

from oslotest import base

from ironic_async_events.task import callbacks


class FakeTask:
    def __init__(self):
        self.lines = []

    def post_process_event(self):
        self.lines.append('post-processed')


def function(task, what='worked'):
    """Do the work."""
    task.lines.append(what)
    return what


class Worker:
    def method(self, task, what='worked'):
        return function(task, what)

    def __call__(self, task, what='worked'):
        return function(task, what)


class PostProcessedTestCase(base.BaseTestCase):
    def test_the_event_is_post_processed_before_the_function_runs(self):
        for func in (
            function,
            Worker().method,
            Worker(),
            functools.partial(function, what='worked'),
            functools.partial(Worker().method),
        ):
            task = FakeTask()
            self.assertEqual('worked', callbacks.PostProcessed(func)(task))
            self.assertEqual(['post-processed', 'worked'], task.lines)

    def test_arguments_reach_the_function_whatever_their_names(self):
        seen = []
        task = FakeTask()

        def func(*args, **kwargs):
            seen.append((args, kwargs))

        kwargs = {'self': 1, 'event': 2, 'args': 3, 'task': task}
        callbacks.PostProcessed(func)('x', **kwargs)
        self.assertEqual([(('x',), kwargs)], seen)

    def test_the_function_does_not_run_when_post_processing_fails(self):
        task = FakeTask()
        task.post_process_event = mock.Mock(side_effect=ValueError)
        self.assertRaises(ValueError, callbacks.PostProcessed(function), task)
        self.assertEqual([], task.lines)

    def test_a_function_stays_recognisable(self):
        proxy = callbacks.PostProcessed(function)
        self.assertEqual('function', proxy.__name__)
        self.assertEqual('function', proxy.__qualname__)
        self.assertEqual('Do the work.', proxy.__doc__)
        self.assertEqual(function, proxy)
        self.assertEqual(proxy, function)
        self.assertEqual(inspect.signature(function), inspect.signature(proxy))

    def test_a_bound_method_stays_recognisable(self):
        proxy = callbacks.PostProcessed(Worker().method)
        self.assertEqual('method', proxy.__name__)
        self.assertEqual('Worker.method', proxy.__qualname__)

    def test_what_has_no_name_gets_one(self):
        # Ironic logs __name__ and __qualname__ of whatever it spawns.
        partial = callbacks.PostProcessed(functools.partial(function))
        self.assertEqual('function', partial.__name__)
        self.assertEqual('function', partial.__qualname__)
        callable_object = callbacks.PostProcessed(Worker())
        self.assertEqual('Worker', callable_object.__name__)


class FindTaskTestCase(base.BaseTestCase):
    def test_the_task_is_found_wherever_it_is(self):
        task = FakeTask()
        self.assertIs(task, callbacks.find_task(task, 1))
        self.assertIs(task, callbacks.find_task(1, 'a', task))
        self.assertIs(task, callbacks.find_task(1, task=task))

    def test_a_mock_is_no_task(self):
        self.assertIsNone(callbacks.find_task(mock.Mock(), 1, x=None))
