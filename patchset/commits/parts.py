# SPDX-License-Identifier: Apache-2.0
"""Which part of the plugin goes into which commit."""

from collections.abc import Mapping

from patchset.edit import plugin

#: What Ironic never gets: the numbers of the plugin's own notification, and
#: the repair of turns.
_PLUGINS_OWN = frozenset(
    (
        '_TURN',
        '_WORKING',
        '_here',
        '_mark',
        '_number',
        '_opened',
        'is_open',
        'objects',
        'sequence',
        'sequence_notifications',
        'turn',
    )
)

#: What comes with the commit that takes requests back.
TAKING_BACK = frozenset(
    (
        '_Attempt',
        '_INSPECTION',
        '_WRITTEN',
        '_refusal_event_type',
        '_snapshot',
        '_take_back',
        'event_type',
        'hide_parameters',
        'snapshot',
        'take_back',
        'transaction',
    )
)

_SAY: Mapping[str, Mapping[str, str]] = {
    'step': {
        "Send Ironic's notification, and the numbered one if configured.": (
            'Send the notification.'
        ),
        "Write Ironic's log line and wake": 'Write the log line and wake',
        '\nCONF = cfg.CONF\n': '',
    },
    'database': {
        '# Ironic raises it when SQLite': '# It is raised when SQLite',
        "Ironic itself writes these errors to the log and sends them to clients.": (
            'These errors are written to the log and sent to clients.'
        ),
        'with _opened(), turn(), api.': 'with api.',
        "Ironic's session": 'the session',
    },
    'refusal': {
        'Return the type that Ironic gives to the record of a refused '
        'request.': 'Return the type of the history record of a request.',
        '; Ironic shortens a long one': '; a long one is shortened there',
    },
    'callbacks': {
        'because Ironic logs the name of the callback. The\n    callback': (
            'because the log names the callback, which\n   '
        ),
        'but Ironic logs the name\n        of a callback that it could': (
            'but the log names a\n        callback that could'
        ),
    },
}


# Until a state is saved by one UPDATE.
_SAVES_THE_NODE: Mapping[str, str] = {
    'from ironic_async_events.task import saving\n': '',
    'saving.changed_fields(self._node)': 'self._node.obj_what_changed()',
    """\
        if 'provision_state' in self._clean:
            saving.save(self._node, self._before['provision_state'])
        else:
            saving.save_as_ironic_does(self._node)
""": """\
        self._node.save()
""",
}


def _source(
    name: str, *omit: str, say: Mapping[str, str] | None = None
) -> plugin.Source:
    return plugin.Source(
        name,
        {*_PLUGINS_OWN, *omit},
        {**_SAY.get(name, {}), **(say or {})},
    )


MODULES_OF_SPAWN = (
    _source('callbacks'),
    _source(
        'database',
        *TAKING_BACK,
        say={
            'database errors, and hide the parameters of statements': (
                'errors of the database'
            ),
        },
    ),
    _source('delivery'),
    _source('handover'),
    _source('refusal', *TAKING_BACK),
    _source('step', say=_SAVES_THE_NODE),
)

MODULES_OF_TAKING_BACK = (
    _source('database'),
    _source('refusal'),
    _source('snapshot'),
)

MODULES_OF_SAVING = (
    # Not _source(): it mentions ironic.objects.
    plugin.Source(
        'saving',
        {'FUNCTIONS', 'is_known', 'known', 'save_as_ironic_does'},
        {
            ' statements  # configures the database': ' statements',
            """\
    if not (is_plain(node) and is_known(node)):
        save_as_ironic_does(node)
""": """\
    if not is_plain(node):
        node.save()
""",
        },
    ),
    _source(
        'statements',
        '_NODE_AND_TRAITS',
        '_TRAITS',
        '_TRAITS_OF',
        '_identity',
        '_reserve_node',
        'lock_for_writing',
        'release_node',
        'reserve_node',
        say={
            "statements on Ironic's tables that the plugin writes itself": (
                'statement that saves a state'
            ),
            "Ironic's database": 'the database',
        },
    ),
    _source(
        'step',
        say={
            'saving.save_as_ironic_does(self._node)': 'self._node.save()',
        },
    ),
)

METHODS_OF_TAKING_BACK = (
    '_lock',
    'post_process_event',
    '_refused',
    '_take_back',
    '_refusal_event_type',
)

METHODS_WITHOUT_CALLBACKS = ('process_event', '__exit__')

METHODS_OF_SPAWN = (
    '__init__',
    'stage',
    'post_process_event',
    '_process',
    '_stage_start',
    '_spawn_with',
    'spawn_after',
    '__exit__',
    '_start_operation',
    '_start_worker',
    '_thread_release_resources',
    '_write_exception',
    '_start_error',
    '_refused',
    '_call_spawn_error_hook',
)

IMPORTS_OF_SPAWN = (
    'from concurrent import futures',
    f'from {plugin.PACKAGE} import callbacks',
    f'from {plugin.PACKAGE} import database',
    f'from {plugin.PACKAGE} import delivery',
    f'from {plugin.PACKAGE} import handover',
    f'from {plugin.PACKAGE} import refusal',
    f'from {plugin.PACKAGE} import step',
)

SAY: Mapping[str, Mapping[str, str]] = {
    'base': {
        "        # What Ironic's own spawn_after() does, but that refuses a "
        'keyword\n        # with the name of its parameter.\n': '',
    },
    'native': {
        'with which the work starts; see\n            '
        ':meth:`ironic_async_events.task.base.BaseTaskManager.start`': (
            'with which the work starts: the state\n            machine '
            'advances now, the worker saves the state'
        ),
    },
}

# Tests of what only the plugin has.
_TESTS_OF_THE_PLUGIN = frozenset(
    (
        'DocumentedTestCase',
        'Options',
        'PAGE',
        'error_hook',
        'test_a_callback_without_a_task_gets_its_state_written_first',
        'test_a_driver_starts_work_with_an_event_under_the_drop_in',
        'test_a_hook_that_raises_changes_nothing_else',
        'test_a_refused_event_leaves_everything_as_it_was',
        'test_a_reloaded_configuration_that_is_wrong_locks_no_node',
        'test_hooks_that_the_task_manager_replaces_are_not_called',
        'test_other_hooks_get_what_they_were_promised',
    )
)

# Tests of commits that come later than the commit that spawns with an event.
_TESTS_OF_TAKING_BACK = frozenset(
    (
        'assert_taken_back',
        'test_a_request_without_a_worker_never_happened',
        'test_only_what_is_no_worker_is_called_so',
        'test_the_caller_is_told_nothing_of_what_the_database_says',
        'test_what_the_request_had_saved_is_taken_back_too',
    )
)
_TESTS_OF_NO_CALLBACKS = frozenset(
    (
        'test_a_failed_save_leaves_the_task_usable',
        'test_what_was_announced_is_not_taken_back',
    )
)


def tests_of_spawn(*, take_back: bool, no_callbacks: bool) -> plugin.Test:
    """Return the tests of both orders of RPC thread and worker."""
    omit = set(_TESTS_OF_THE_PLUGIN)
    if not take_back:
        omit |= _TESTS_OF_TAKING_BACK
    if not no_callbacks:
        omit |= _TESTS_OF_NO_CALLBACKS
    return plugin.Test('test_task_manager', omit)


def _base(*omit: str) -> plugin.Test:
    return plugin.Test('base', {*_TESTS_OF_THE_PLUGIN, *omit})


TESTS_OF_SPAWN = (
    _base('assert_taken_back'),
    plugin.Test('test_callbacks'),
    plugin.Test('test_handover'),
    tests_of_spawn(take_back=False, no_callbacks=False),
)

TESTS_OF_TAKING_BACK = (
    _base(),
    plugin.Test('test_snapshot'),
    tests_of_spawn(take_back=True, no_callbacks=False),
)

# A database that fails, fails where the state is saved.
TEST_OF_SAVING = plugin.Test(
    'test_task_manager',
    _TESTS_OF_THE_PLUGIN,
    {
        'from ironic_async_events.task import handover\n': (
            'from ironic_async_events.task import handover\n'
            'from ironic_async_events.task import statements\n'
        ),
        'update = self.dbapi.update_node': 'update = statements.update_node',
        "self.dbapi, 'update_node'": "statements, 'update_node'",
        "self.dbapi,\n                'update_node'": (
            "statements,\n                'update_node'"
        ),
    },
)

TESTS_WITHOUT_CALLBACKS = (tests_of_spawn(take_back=True, no_callbacks=True),)
