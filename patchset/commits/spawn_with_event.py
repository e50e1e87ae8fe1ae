# SPDX-License-Identifier: Apache-2.0
"""3. A worker can be spawned with an event, which it post-processes."""

from patchset import files
from patchset import tree as trees
from patchset.commits import parts
from patchset.commits import unit_tests
from patchset.edit import lists
from patchset.edit import statements
from patchset.edit import task_manager

SUBJECT = 'Spawn a worker together with an event'

BODY = """
process_event() with a callback writes the new state first and asks for a
worker second. If there is none, the state has to be rolled back by hooks
that know only NoFreeConductorWorker. The notification comes last, from a
thread that runs beside the worker.

spawn_after() takes an event now. The thread that accepts a request only
advances the state machine, which may refuse the event, and asks for the
worker. The worker saves the state, announces it and then does its work:
post_process_event(), called by a decorator around the function that was
spawned. So nothing is written before a worker runs, and notifications
are sent in the order in which states are saved.

The answer to a request does not change: a client that is told "202
Accepted" sees the new state with its next request. For that the thread
that accepts waits until the worker has saved the state, but not for the
message bus, and for at most [conductor]worker_start_timeout seconds.

Nobody spawns with an event yet.

Related-Bug: #1635619
"""

CONF = 'ironic/conf/conductor.py'

_OPTION = """\

    cfg.FloatOpt('worker_start_timeout',
                 default=30.0,
                 min=0.0,
                 help=_('How long (in seconds) a request waits until the '
                        'worker that it started has saved the new provision '
                        'state. It is answered with "202 Accepted" as soon '
                        'as that is done, so that whoever asks next sees the '
                        'new state; or when this time is over. 0 means not '
                        'to wait: then a client can still see the old state '
                        'after the answer.')),
"""

_DOCSTRING = '''
An operation that begins with a change of the provision state is spawned
together with the event that causes the change:

::

    with task_manager.acquire(context, node_id, purpose='some work') as task:
        <do some work>
        task.spawn_after(self._spawn_worker,
                         inspection.inspect_hardware, task, event='inspect')

Only the state machine advances then. The worker saves the node and announces
its new state before it calls the function, and the ``with`` block ends when
the node is saved. If no worker can be had, nothing has changed.

"""
'''


def make(tree: trees.Tree, release: trees.Release) -> None:
    """Change the tree."""
    for source in parts.MODULES_OF_SPAWN:
        tree.write(source.path, source.render(release.python))
    task_manager.put(
        tree,
        parts.METHODS_OF_SPAWN,
        omit=parts.TAKING_BACK,
        say=parts.SAY,
        add_imports=parts.IMPORTS_OF_SPAWN,
    )
    tree.change(task_manager.PATH, _announce_callbacks)
    tree.change(
        task_manager.PATH,
        lambda text: text.replace('\n"""\n\n', _DOCSTRING + '\n', 1),
    )
    tree.change(CONF, lambda text: lists.append(CONF, text, 'opts', _OPTION))
    tree.change('requirements.txt', _requirement)
    for test in unit_tests.OF_SPAWN:
        tree.write(test.path, test.render(release.python))
    files.note(tree, 'spawn-with-event')


def _announce_callbacks(text: str) -> str:
    """Have events with callbacks announced as before."""
    return statements.edit(
        task_manager.PATH,
        text,
        'TaskManager.__exit__',
        statements.calls('self._start_worker'),
        'the start of the worker',
        before="""
            # From the spawn on, the task is the worker's.
            announcement = self._announcement
            self._announcement = None
        """,
        after="""
            # The worker may have announced its own "end" by now.
            if announcement is not None:
                self._notify_provision_state_change(*announcement)
        """,
    )


def _requirement(text: str) -> str:
    return text.rstrip('\n') + '\nwrapt>=1.14.0 # BSD License\n'
