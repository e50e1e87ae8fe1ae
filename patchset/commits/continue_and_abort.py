# SPDX-License-Identifier: Apache-2.0
"""6. What moved the node first and spawned second."""

from collections.abc import Mapping
import functools

from patchset import files
from patchset import tree as trees
from patchset.commits import orphans
from patchset.edit import classes
from patchset.edit import statements
from patchset.edit import tests

SUBJECT = 'Move no node before its worker runs'

BODY = """
To continue a deployment, a cleaning or a servicing, the node was resumed
first and the worker was asked for second. When there was none, the node
stayed in a state in which somebody works on it, for good. The same holds
for the abort of a servicing, which failed the node first.

Now "resume" goes with the spawn, so the node stays in its wait state and
the next heartbeat of the agent tries again. An aborted servicing goes
through both of its events in the worker.

Time-outs need no handler any more: when there is no worker, the next
pass finds the node as it was. A check of the nodes of a dead conductor
removed their reservations, by which it had found them, before it cleaned
up, and ended with the first error. Now a node is released right before
it is cleaned up, gets its reservation back if that failed, and holds up
no other node. An inspection that continues from enroll needs no handler,
because it begins with no event.
"""

PATH = 'ironic/conductor/manager.py'
BASE = 'ironic/conductor/base_manager.py'

# Since when Ironic can abort a servicing, and has a handler for inspections
# that time out.
_ABORTS_SERVICING = 32
_HANDLES_INSPECTION = 32

# Where the test of what continues goes, and what it says of others than clean.
_CONTINUED: Mapping[str, Mapping[str, str]] = {
    'DoNodeCleanTestCase': {},
    'ContinueNodeDeployTestCase': {
        'node_clean': 'node_deploy',
        'CLEANWAIT': 'DEPLOYWAIT',
        'MANAGEABLE': 'ACTIVE',
    },
    'DoNodeServiceTestCase': {
        'node_clean': 'node_service',
        'CLEANWAIT': 'SERVICEWAIT',
        'MANAGEABLE': 'ACTIVE',
    },
}

_edit = statements.Class(PATH, 'ConductorManager').edit


def make(tree: trees.Tree, release: trees.Release) -> None:
    """Change the tree."""
    tree.change(PATH, _continue)
    if release.major >= _ABORTS_SERVICING:
        tree.change(PATH, _abort)
        files.note(tree, 'abort-servicing-with-its-worker')
    tree.change(PATH, functools.partial(_time_outs, release.major))
    tree.change(BASE, _fail_if_in_state)
    orphans.make(tree, release)
    tree.change(PATH, _inspection)
    tree.change(tests.MANAGER, _expectations)
    for class_name, words in _CONTINUED.items():
        test = files.text('6/continue_node.py')
        for old, new in words.items():
            test = test.replace(old, new)
        tree.change(
            tests.MANAGER, functools.partial(_put_tests, class_name, test)
        )
    if release.major >= _ABORTS_SERVICING:
        tree.change(
            tests.MANAGER,
            functools.partial(
                _put_tests,
                'DoNodeServiceTestCase',
                files.text('6/abort_service.py'),
            ),
        )
    files.note(tree, 'move-no-node-before-its-worker-runs')


def _expectations(text: str) -> str:
    return classes.remove_argument(
        tests.MANAGER, text, 'ManagerCheckOrphanNodesTestCase', 'err_handler'
    )


def _put_tests(class_name: str, methods: str, text: str) -> str:
    return classes.put_methods(tests.MANAGER, text, class_name, methods)


def _continue(text: str) -> str:
    hook = statements.calls('task.set_spawn_error_hook')
    spawn = statements.calls('task.spawn_after')
    resume = statements.reads("task.process_event('resume')")
    for function in (
        'continue_node_clean',
        'continue_node_deploy',
        'continue_node_service',
    ):
        text = _edit(text, function, hook, 'the hook', by='')

    text = _edit(
        text,
        'continue_node_clean',
        statements.calls('task.resume_cleaning'),
        'task.resume_cleaning()',
        by="""
            # The state machine has a target for automated cleaning.
            target_state = None
            if node.target_provision_state == states.MANAGEABLE:
                target_state = states.MANAGEABLE
        """,
    )
    text = _edit(
        text,
        'continue_node_clean',
        spawn,
        'task.spawn_after()',
        by="""
            task.spawn_after(
                self._spawn_worker, cleaning.continue_node_clean, task,
                event='resume', target_state=target_state)
        """,
    )

    text = _edit(
        text,
        'continue_node_deploy',
        statements.branches('node.provision_state == states.DEPLOYING'),
        'the deprecated state',
        before='event = None',
    )
    text = _edit(
        text,
        'continue_node_deploy',
        resume,
        "task.process_event('resume')",
        by="event = 'resume'",
    )
    text = _edit(
        text,
        'continue_node_deploy',
        spawn,
        'task.spawn_after()',
        by="""
            task.spawn_after(
                self._spawn_worker, deployments.continue_node_deploy, task,
                event=event)
        """,
    )

    text = _edit(text, 'continue_node_service', spawn, 'the spawn', by='')
    return _edit(
        text,
        'continue_node_service',
        resume,
        "task.process_event('resume')",
        by="""
            task.spawn_after(
                self._spawn_worker, servicing.continue_node_service, task,
                event='resume')
        """,
    )


def _abort(text: str) -> str:
    return _edit(
        text,
        '_do_abort',
        statements.reads("task.process_event('fail')"),
        "task.process_event('fail')",
        by="""
            # The worker moves it to SERVICEFAIL first
            task.stage('fail')
        """,
    )


def _time_outs(major: int, text: str) -> str:
    text = _edit(
        text,
        '_check_deploy_timeouts',
        statements.assigns('err_handler'),
        'err_handler',
        by='',
    )
    functions = ['_check_deploy_timeouts', '_check_orphan_nodes']
    if major >= _HANDLES_INSPECTION:
        functions.append('_check_inspect_wait_timeouts')
    for function in functions:
        text = classes.remove_argument(
            PATH, text, f'ConductorManager.{function}', 'err_handler'
        )
    return text


def _fail_if_in_state(text: str) -> str:
    return classes.remove_parameter(
        BASE, text, 'BaseConductorManager._fail_if_in_state', 'err_handler'
    )


def _inspection(text: str) -> str:
    return _edit(
        text,
        'continue_inspection',
        statements.calls('task.set_spawn_error_hook'),
        'the hook',
        by='',
    )
