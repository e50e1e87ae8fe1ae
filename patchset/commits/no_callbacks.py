# SPDX-License-Identifier: Apache-2.0
"""7. process_event() has no callback; the hooks for it go."""

import libcst as cst

from patchset import files
from patchset import tree as trees
from patchset.commits import parts
from patchset.commits import unit_tests
from patchset.edit import classes
from patchset.edit import imports
from patchset.edit import omit
from patchset.edit import statements
from patchset.edit import task_manager
from patchset.edit import tests

SUBJECT = 'Remove callbacks from process_event'

BODY = """
Nothing calls process_event() with a callback any more. Without it, an
event that is processed at once and an event that is spawned take the
same way: it is staged, then the node is saved and the change announced
by the thread that does the work.

The handlers that put back what process_event() had written go as well.
Those for power states, boot mode, secure boot and virtual media stay;
they are called for every reason for which there is no worker.
"""

UTILS = 'ironic/conductor/utils.py'

#: The handlers that nothing calls any more.
HANDLERS = (
    'provisioning_error_handler',
    'spawn_cleaning_error_handler',
    'spawn_deploying_error_handler',
    'spawn_rescue_error_handler',
    'spawn_servicing_error_handler',
)

_HANDLER_TESTS = (
    'test_provision_error_handler_no_worker',
    'test_provision_error_handler_other_error',
    *(
        f'test_spawn_{what}_error_handler_{case}'
        for what in ('cleaning', 'deploying', 'servicing', 'rescue')
        for case in ('no_worker', 'other_error')
    ),
)

_STATE_MODEL_TESTS = (
    'test_process_event_fsm_raises',
    'test_process_event_sets_callback',
    'test_process_event_sets_callback_and_error_handler',
    'test_process_event_sets_target_state',
    'test_process_event_callback_stable_state',
    'test_process_event_no_callback_stable_state',
    'test_process_event_no_callback_notify',
)


def make(tree: trees.Tree, release: trees.Release) -> None:
    """Change the tree."""
    task_manager.put(tree, parts.METHODS_WITHOUT_CALLBACKS, say=parts.SAY)
    tree.change(task_manager.PATH, _task_manager)
    tree.change(UTILS, lambda text: classes.remove(UTILS, text, *HANDLERS))
    tree.change(
        tests.UTILS,
        lambda text: classes.remove(tests.UTILS, text, *_HANDLER_TESTS),
    )
    tree.change(tests.TASK_MANAGER, _tests)
    tree.write(f'{files.TESTS}/test_notification.py', None)
    tree.write(
        f'{files.TESTS}/test_process_event.py',
        files.code('7/test_process_event.py'),
    )
    for test in unit_tests.WITHOUT_CALLBACKS:
        tree.write(test.path, test.render(release.python))
    files.note(tree, 'no-callbacks-in-process-event')


def _task_manager(text: str) -> str:
    path = task_manager.PATH
    text = statements.edit(
        path,
        text,
        'TaskManager.__init__',
        statements.assigns('self._announcement'),
        'self._announcement',
        by='',
    )
    text = classes.remove(path, text, '_notify_provision_state_change')
    return imports.organise(text)


def _tests(text: str) -> str:
    text = classes.remove(tests.TASK_MANAGER, text, *_STATE_MODEL_TESTS)
    module = omit.omit(
        cst.parse_module(text),
        ('notify_mock', '_notify_provision_state_change'),
    )
    return imports.organise(module.code)
