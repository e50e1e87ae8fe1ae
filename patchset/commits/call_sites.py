# SPDX-License-Identifier: Apache-2.0
"""5. What started work with a callback spawns with an event."""

from patchset import errors
from patchset import files
from patchset import tree as trees
from patchset.edit import calls
from patchset.edit import imports
from patchset.edit import plugin
from patchset.edit import statements
from patchset.edit import tests

SUBJECT = 'Spawn with an event instead of a callback'

BODY = """
Every operation that begins with a change of the provision state is
spawned together with its event now: the state is saved by the worker,
and not at all when there is none. So the handlers that put a state back
are not needed there.

It is the same change everywhere: process_event(event, callback=method,
call_args=(function, ...), err_handler=...) is spawn_after(method,
function, ..., event=event). Its tests expect that call. Where a test
mocks the method, its mock lets the task post-process the event, as the
worker does.

Closes-Bug: #1635619
"""

#: How many call sites each release has.
_SITES = {39: 19, 35: 19, 32: 18, 29: 16}


def make(tree: trees.Tree, release: trees.Release) -> None:
    """Change the tree."""
    converted = 0
    for path in (
        'ironic/conductor/base_manager.py',
        'ironic/conductor/deployments.py',
        'ironic/conductor/manager.py',
    ):
        text, number = calls.convert(path, tree.read(path))
        converted += number
        tree.write(path, text)
    expected = _SITES[release.major]
    if converted != expected:
        raise errors.Unexpected(
            'ironic/conductor/manager.py',
            1,
            f'{expected} calls with a callback in ironic/conductor, there '
            f'are {converted}',
        )
    _change_tests(tree, release)
    files.note(tree, 'provision-states-by-workers')


def _change_tests(tree: trees.Tree, release: trees.Release) -> None:
    tree.change(tests.MANAGER_UTILS, _manager_utils)
    for path in (tests.MANAGER, tests.BASE_MANAGER, tests.DEPLOYMENTS):
        text = tree.read(path)
        text, _number = tests.expect_spawns(text)
        if path != tests.DEPLOYMENTS:
            text, number = tests.let_workers_begin(text)
            if number:
                text = imports.organise(
                    text,
                    ['from ironic.tests.unit.conductor import mgr_utils'],
                )
        tree.write(path, text)
    tree.change(tests.MANAGER, _pool_full)


def _pool_full(text: str) -> str:
    """What a refused deployment had saved is taken back, too."""
    function = (
        'ServiceDoNodeDeployTestCase.test_do_node_deploy_worker_pool_full'
    )
    text = statements.edit(
        tests.MANAGER,
        text,
        function,
        statements.calls('self.assertFalse', 'is_whole_disk_image'),
        'the assertion of what was saved',
        by="""
            self.assertNotIn('is_whole_disk_image', node.driver_internal_info)
        """,
    )
    return statements.edit(
        tests.MANAGER,
        text,
        function,
        statements.calls('mock_iwdi.assert_called_once_with'),
        'the assertion of what was read',
        by='mock_iwdi.assert_called_once_with(self.context, mock.ANY)',
    )


def _manager_utils(text: str) -> str:
    text = text.rstrip('\n') + '\n\n\n' + files.text('5/post_process.py')
    return imports.organise(text, [f'from {plugin.PACKAGE} import callbacks'])
