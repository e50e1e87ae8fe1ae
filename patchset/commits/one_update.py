# SPDX-License-Identifier: Apache-2.0
"""9. A state is saved by one UPDATE."""

from patchset import files
from patchset import tree as trees
from patchset.commits import parts

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
    changed = parts.TEST_OF_SAVING
    tree.write(changed.path, changed.render(release.python))
    files.note(tree, 'one-update-saves-a-state')
