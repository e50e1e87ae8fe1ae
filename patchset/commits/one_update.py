# SPDX-License-Identifier: Apache-2.0
"""9. A state is saved by one UPDATE."""

import libcst as cst

from patchset import errors
from patchset import files
from patchset import tree as trees
from patchset.commits import parts
from patchset.commits import unit_tests
from patchset.edit import source as sources
from patchset.edit import statements
from patchset.edit import tests

SUBJECT = 'Save a provision state with one UPDATE'

BODY = """
To save a node takes seven statements: the node, its tags and its traits
are read before the UPDATE and once more after it, in a transaction of
their own. A busy conductor spends more time on this than on anything
else.

A worker holds the lock of its node and knows what it writes, so it needs
no read: one UPDATE writes the columns that have changed, with the times
that update_node() would have added, and the object gets what a read of
the row would give. A field of the node that needs more care (its name,
its instance, traits, a text that is too long) and a pinned release are
saved as before; so is everything that is no state.

The statement is no method of the database API, because it is right for
whoever holds the lock, and for nobody else. The FIXME in
_do_update_node() asks for the same, for all of its callers.
"""


def make(tree: trees.Tree, release: trees.Release) -> None:
    """Change the tree."""
    for source in parts.MODULES_OF_SAVING:
        tree.write(source.path, source.render(release.python))
    test = files.code('9/test_saving.py')
    if not tree.exists('ironic/common/state_machine.py'):
        # Older releases.
        test = test.replace('from ironic.common import state_machine\n', '')
        test = test.replace('state_machine.machine', 'states.machine')
    tree.write(f'{files.TESTS}/test_saving.py', test)
    changed = unit_tests.OF_SAVING
    tree.write(changed.path, changed.render(release.python))
    files.note(tree, 'one-update-saves-a-state')
    tree.change(tests.DEPLOYMENTS, _config_drive)


def _config_drive(text: str) -> str:
    """Expect no call of ``update_node()`` for the state of the node."""
    module = sources.parse(text)
    shorter = _Shorter('test__do_node_deploy_configdrive_db_error')
    text = sources.code(module.visit(shorter))
    if shorter.count != 1:
        raise errors.Unexpected(
            tests.DEPLOYMENTS, 1, f'one list of calls in {shorter.test}'
        )
    return statements.edit(
        tests.DEPLOYMENTS,
        text,
        f'DoNodeDeployTestCase.{shorter.test}',
        statements.calls('self.assertEqual', 'expected_calls'),
        'the comparison of the calls',
        after="""
            self.assertEqual(
                states.DEPLOYFAIL,
                self.dbapi.get_node_by_uuid(node.uuid).provision_state)
        """,
    )


class _Shorter(cst.CSTTransformer):
    """Takes the last element of a list of calls in a test."""

    def __init__(self, test: str) -> None:
        super().__init__()
        self.test = test
        self.count = 0
        self._here = False

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        self._here = node.name.value == self.test

    def leave_List(
        self, original_node: cst.List, updated_node: cst.List
    ) -> cst.List:
        elements = updated_node.elements
        first = elements[0].value if elements else None
        if not (
            self._here
            and isinstance(first, cst.Call)
            and cst.Module([]).code_for_node(first.func) == 'mock.call'
        ):
            return updated_node
        self.count += 1
        *kept, last = elements
        kept[-1] = kept[-1].with_changes(comma=last.comma)
        return updated_node.with_changes(elements=kept)
