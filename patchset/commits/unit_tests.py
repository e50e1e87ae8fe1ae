# SPDX-License-Identifier: Apache-2.0
"""Which of the plugin's unit tests go into which commit."""

from patchset.edit import plugin

# Tests of what only the plugin has.
_PLUGINS_OWN = frozenset(
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
_NEED_TAKING_BACK = frozenset(
    (
        'assert_taken_back',
        'test_a_request_without_a_worker_never_happened',
        'test_only_what_is_no_worker_is_called_so',
        'test_the_caller_is_told_nothing_of_what_the_database_says',
        'test_what_the_request_had_saved_is_taken_back_too',
    )
)
_NEED_NO_CALLBACKS = frozenset(
    (
        'test_a_failed_save_leaves_the_task_usable',
        'test_what_was_announced_is_not_taken_back',
    )
)


def of_spawn(*, take_back: bool, no_callbacks: bool) -> plugin.Test:
    """Return the tests of both orders of RPC thread and worker."""
    omit = set(_PLUGINS_OWN)
    if not take_back:
        omit |= _NEED_TAKING_BACK
    if not no_callbacks:
        omit |= _NEED_NO_CALLBACKS
    return plugin.Test('test_task_manager', omit)


def _base(*omit: str) -> plugin.Test:
    return plugin.Test('base', {*_PLUGINS_OWN, *omit})


OF_SPAWN = (
    _base('assert_taken_back'),
    plugin.Test('test_callbacks'),
    plugin.Test('test_handover'),
    of_spawn(take_back=False, no_callbacks=False),
)

OF_TAKING_BACK = (
    _base(),
    plugin.Test('test_snapshot'),
    of_spawn(take_back=True, no_callbacks=False),
)

# A database that fails, fails where the state is saved.
OF_SAVING = plugin.Test(
    'test_task_manager',
    _PLUGINS_OWN,
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

WITHOUT_CALLBACKS = (of_spawn(take_back=True, no_callbacks=True),)
