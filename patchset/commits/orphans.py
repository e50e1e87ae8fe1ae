# SPDX-License-Identifier: Apache-2.0
"""A part of commit 6: the nodes of a dead conductor keep its reservation."""

import libcst as cst

from patchset import files
from patchset import tree as trees
from patchset.commits import parts
from patchset.edit import classes
from patchset.edit import imports
from patchset.edit import plugin
from patchset.edit import statements
from patchset.edit import tests

PATH = 'ironic/conductor/manager.py'

_IMPORT = f'from {plugin.PACKAGE} import orphans'
_CHECK = '_check_orphan_nodes'
_TESTS = 'ManagerCheckOrphanNodesTestCase'

_edit = statements.Class(PATH, 'ConductorManager').edit

_CLEAN_UP = '''
    def _clean_up_orphan(self, context, node_uuid):
        """Abort what a conductor that is dead did to a node."""
'''

_NOTE = """
    # Before the release, which may be carried out although it raises
    if not maintenance and provision_state in (states.DEPLOYING,
                                               states.CLEANING):
        self._orphans.add(node_uuid, conductor_hostname)

"""

_TAKE_OVER = """
    # Right after the release: the nodes behind this one are
    # still reserved, and its errors do not concern them.
    try:
        self._clean_up_orphan(context, node_uuid)
    except Exception as e:
        self._orphans.failed(node_uuid, e)
    # The next check finds what this one could not clean up
    self._orphans.give_back(context, self.dbapi)
"""

_BEGIN = """
    self._orphans.begin(context, self.dbapi)
"""


def make(tree: trees.Tree, release: trees.Release) -> None:
    """Change the manager and its tests."""
    source = parts.ORPHANS
    tree.write(source.path, source.render(release.python))
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
    left = 'state_cleanup_required'
    text = _edit(text, _CHECK, statements.loops(left), 'the loop', by='')
    text = _edit(text, _CHECK, statements.assigns(left), left, by='')
    text = _edit(
        text,
        _CHECK,
        statements.calls(f'{left}.append'),
        f'{left}.append()',
        by=_TAKE_OVER,
    )
    text = _edit(text, _CHECK, _releases, 'the release', before=_NOTE)
    text = _edit(
        text,
        _CHECK,
        statements.assigns('offline_conductors'),
        'offline_conductors',
        before=_BEGIN,
    )
    text = _edit(
        text,
        '__init__',
        statements.assigns('self.power_state_sync_count'),
        'self.power_state_sync_count',
        after='self._orphans = orphans.Orphans()',
    )
    return imports.organise(text, [_IMPORT])


def _releases(node: cst.CSTNode) -> bool:
    """Match the ``try`` that releases a node."""
    code = cst.Module([]).code_for_node(node)
    return isinstance(node, cst.Try) and 'objects.Node.release(' in code


def _expectations(text: str) -> str:
    text = classes.put_methods(
        tests.MANAGER, text, _TESTS, files.text(f'6/{_TESTS}.py')
    )
    text = imports.organise(text, [_IMPORT])
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
