# SPDX-License-Identifier: Apache-2.0
"""1. A transition is a value; the notification is made of it."""

from patchset import files
from patchset import tree as trees
from patchset.edit import classes
from patchset.edit import imports
from patchset.edit import plugin
from patchset.edit import statements
from patchset.edit import task_manager
from patchset.edit import tests

SUBJECT = 'Make provision notifications of values'

BODY = """
The task that accepts a request and its worker share the attributes of
which the notification of a state change is made. The worker may have
processed its last event when the thread that spawned it comes back to
announce the start. Then that thread announces what the worker has left
there, and resets it: the "end" is never sent. With native threads that
happens in every busy deployment.

A change is now a value that nobody changes after it was made. What is
announced at the end of the with block is taken there before the worker
is spawned, together with the node as it was saved.

Closes-Bug: #1635619
"""

_NOTIFY = '''
    def _notify_provision_state_change(self, change, node):
        """Emit notification about change of the node provision state.

        :param change: the change, a :class:`Transition`.
        :param node: the node as it was saved with the change. A worker may
            have moved or released the node of the task since.
        """
        task = self
        if task.node is not node:
            task = copy.copy(self)
            # Not the property, which also sets the state machine.
            task._node = node
        notify.emit_provision_set_notification(
            task, change.level, change.status(states.UNSTABLE_STATES),
            change.previous_state, change.previous_target, change.event)
'''


def make(tree: trees.Tree, release: trees.Release) -> None:
    """Change the tree."""
    files.package(
        tree,
        plugin.PATH,
        'How a node gets from one provision state to the next.',
    )
    source = plugin.Source('transition')
    tree.write(source.path, source.render(release.python))
    tree.change(task_manager.PATH, _task_manager)

    files.package(tree, files.TESTS)
    for name in ('test_transition', 'test_notification'):
        tree.write(f'{files.TESTS}/{name}.py', files.code(f'1/{name}.py'))
    tree.change(tests.TASK_MANAGER, _tests)
    files.note(tree, 'provision-notifications-of-values')


def _task_manager(text: str) -> str:
    path = task_manager.PATH

    edit = statements.Class(path, 'TaskManager').edit
    assigns = statements.assigns
    attributes = {
        'self._prev_provision_state': """
            # the state change to announce when the worker is spawned
            self._announcement = None
        """,
        'self._prev_target_provision_state': '',
        'self._event': '',
        'self._saved_node': '',
    }
    for name, new in attributes.items():
        text = edit(text, '__init__', assigns(name), name, by=new)

    text = classes.replace_method(
        path, text, 'TaskManager', '_notify_provision_state_change', _NOTIFY
    )

    process = 'process_event'
    event = 'self._event'
    text = edit(text, process, assigns(event), event, by='')
    for name, local in (
        ('self._prev_provision_state', 'previous_state'),
        ('self._prev_target_provision_state', 'previous_target'),
    ):
        attribute = local.replace('previous_', '')
        field = {'state': 'provision_state'}.get(
            attribute, 'target_provision_state'
        )
        comment = '# the transition is announced with what was before it\n'
        text = edit(
            text,
            process,
            assigns(name),
            name,
            by=(comment if attribute == 'state' else '')
            + f'{local} = self.node.{field}',
        )
    text = classes.replace_expression(
        path,
        text,
        'TaskManager.process_event',
        'self._prev_provision_state',
        'previous_state',
    )
    text = edit(
        text,
        process,
        statements.calls('self.node.save'),
        'self.node.save()',
        after="""
            change = tr.Transition(
                event=event,
                previous_state=previous_state,
                previous_target=previous_target,
                state=self.node.provision_state,
                target=self.node.target_provision_state,
                last_error=last_error,
                clears_error=callback is not None)
        """,
    )
    text = edit(
        text,
        process,
        statements.branches('callback is None'),
        'if callback is None:',
        by="""
            if callback is None:
                self._notify_provision_state_change(change, self.node)
            else:
                # A copy, because the worker goes on with the node, and may be
                # ahead of the thread that announces this change.
                self._announcement = (change, copy.copy(self.node))
        """,
    )

    text = edit(
        text,
        '__exit__',
        statements.reads('fut = None'),
        'fut = None',
        before="""
            # From the spawn on, the task is the worker's.
            announcement = self._announcement
            self._announcement = None
        """,
    )
    text = edit(
        text,
        '__exit__',
        statements.calls('self._notify_provision_state_change'),
        'the notification',
        by="""
            # Don't unlock! The end of the worker does. And the
            # worker may have announced its own "end" by now.
            if announcement is not None:
                self._notify_provision_state_change(*announcement)
        """,
    )
    return imports.organise(
        text, [f'from {plugin.PACKAGE} import transition as tr']
    )


def _tests(text: str) -> str:
    path = tests.TASK_MANAGER
    text = classes.remove_class(path, text, 'ProvisionNotifyTestCase')
    text = classes.put_methods(
        path,
        text,
        'TaskManagerStateModelTestCases',
        files.text('1/state_model.py'),
    )
    text = statements.edit(
        path,
        text,
        'TaskManagerTestCase.test_spawn_after',
        statements.calls('notify_mock.assert_called_once_with'),
        'the assertion of the notification',
        by='self.assertFalse(notify_mock.called)',
    )
    return imports.organise(text)
