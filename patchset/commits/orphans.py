# SPDX-License-Identifier: Apache-2.0
"""A part of commit 6: the nodes of a dead conductor keep its reservation."""

from patchset import files
from patchset import tree as trees
from patchset.edit import classes
from patchset.edit import statements
from patchset.edit import tests

PATH = 'ironic/conductor/manager.py'

_CHECK = '_check_orphan_nodes'
_TESTS = 'ManagerCheckOrphanNodesTestCase'

_edit = statements.Class(PATH, 'ConductorManager').edit

_CLEAN_UP = '''
    def _clean_up_orphan(self, context, node_uuid):
        """Abort what a conductor that is dead did to a node."""
'''

_LOOP = """
    try:
        for node_uuid in list(self._orphans):
            self._clean_up_orphan(context, node_uuid)
    finally:
        # The next check finds what this one could not clean up
        self._settle_orphans(context, self._orphans, self._keep_orphan)
"""

_BEGIN = """
    # What the check before has left
    self._settle_orphans(context, self._kept_orphans,
                         self._release_if_back)
    self._settle_orphans(context, self._orphans, self._keep_orphan)
"""


def make(tree: trees.Tree) -> None:
    """Change the manager and its tests."""
    tree.change(PATH, _manager)
    tree.change(tests.MANAGER, _expectations)


def _manager(text: str) -> str:
    text = classes.extract_loop_body(
        PATH,
        text,
        f'ConductorManager.{_CHECK}',
        'state_cleanup_required',
        _CLEAN_UP,
    )
    text = classes.put_methods(
        PATH, text, 'ConductorManager', files.text('6/keep_orphans.py')
    )
    left = 'state_cleanup_required'
    text = _edit(text, _CHECK, statements.loops(left), 'the loop', by=_LOOP)
    text = _edit(text, _CHECK, statements.assigns(left), left, by='')
    text = _edit(
        text,
        _CHECK,
        statements.calls(f'{left}.append'),
        f'{left}.append()',
        by='self._orphans[node_uuid] = conductor_hostname',
    )
    text = _edit(
        text,
        _CHECK,
        statements.assigns('offline_conductors'),
        'offline_conductors',
        before=_BEGIN,
    )
    return _edit(
        text,
        '__init__',
        statements.assigns('self.power_state_sync_count'),
        'self.power_state_sync_count',
        after="""
            # Nodes to clean up after dead conductors, and their conductors
            self._orphans = {}
            # These nodes as they were reserved again
            self._kept_orphans = {}
        """,
    )


def _expectations(text: str) -> str:
    text = classes.put_methods(
        tests.MANAGER, text, _TESTS, files.text(f'6/{_TESTS}.py')
    )
    for name in ('', '_cleaning', '_release_node_not_locked'):
        # Else the node is none that was cleaned up.
        text = statements.edit(
            tests.MANAGER,
            text,
            f'{_TESTS}.test_{_CHECK}{name}',
            statements.assigns('mock_off_cond.return_value'),
            'mock_off_cond.return_value',
            after='mock_fail_if.side_effect = self._fail',
        )
    return text
