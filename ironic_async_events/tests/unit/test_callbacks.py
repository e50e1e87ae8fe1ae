# SPDX-License-Identifier: Apache-2.0

from concurrent import futures
import functools
import inspect
from unittest import mock

from ironic_async_events.task import manager
from ironic_async_events.tests.unit import base


def function(task, what='worked'):
    """Do the work."""
    task.lines.append(what)
    return what


class Worker:
    def method(self, task, what='worked'):
        return function(task, what)

    def __call__(self, task, what='worked'):
        return function(task, what)


class Task(manager.AsyncTaskManager):
    lines: list[str]

    def post_process_event(self):
        self.lines.append('post-processed')


class InWorkerTestCase(base.TaskTestCase):
    def setUp(self):
        super().setUp()
        self.tracked = self.task(Task)
        self.tracked.lines = self.lines
        self.addCleanup(self.tracked.release_resources)

    def wrapped(self, func):
        return self.tracked._in_worker(func, futures.Future())

    def test_the_event_is_post_processed_before_the_function_runs(self):
        for func in (
            function,
            Worker().method,
            Worker(),
            functools.partial(function, what='worked'),
            functools.partial(Worker().method),
        ):
            del self.lines[:]
            self.assertEqual('worked', self.wrapped(func)(self.tracked))
            self.assertEqual(['post-processed', 'worked'], self.lines)

    def test_arguments_reach_the_function_whatever_their_names(self):
        seen = []

        def func(*args, **kwargs):
            seen.append((args, kwargs))

        kwargs = {'self': 1, 'event': 2, 'args': 3, 'func': 4, 'kwargs': 5}
        self.wrapped(func)('x', **kwargs)
        self.assertEqual([(('x',), kwargs)], seen)

    def test_the_function_does_not_run_when_post_processing_fails(self):
        with mock.patch.object(
            Task, 'post_process_event', autospec=True, side_effect=ValueError
        ):
            self.assertRaises(ValueError, self.wrapped(function), self.tracked)
        self.assertEqual([], self.lines)

    def test_a_function_stays_recognisable(self):
        proxy = self.wrapped(function)
        self.assertEqual('function', proxy.__name__)
        self.assertEqual('function', proxy.__qualname__)
        self.assertEqual('Do the work.', proxy.__doc__)
        self.assertEqual(function, proxy)
        self.assertEqual(proxy, function)
        self.assertEqual(inspect.signature(function), inspect.signature(proxy))

    def test_a_bound_method_stays_recognisable(self):
        proxy = self.wrapped(Worker().method)
        self.assertEqual('method', proxy.__name__)
        self.assertEqual('Worker.method', proxy.__qualname__)
