# SPDX-License-Identifier: Apache-2.0
"""4. A request that could not start is taken back."""

from patchset import files
from patchset import tree as trees
from patchset.commits import parts
from patchset.commits import unit_tests
from patchset.edit import imports
from patchset.edit import plugin
from patchset.edit import statements
from patchset.edit import task_manager

SUBJECT = 'Take a request back that could not start'

BODY = """
Before the worker is asked for, a request may have saved more than its
state: a lessee, a rescue password, the removal of the URL and the token
of the agent. When there is no worker, the hooks put back the state at
best, so the next tenant deploys on a node that is leased to the last
one, and a node whose rescue was refused has lost its agent's token.

The task remembers the fields of the node from the time of locking. If
the worker of an event cannot be had or cannot save the state, what
differs is restored, in one commit with last_error and a record in the
history of the node that say why. What the database says decides, not
what the object remembers: a statement that raised may have been carried
out.

The text of such an error would repeat the parameters of the statement:
passwords, tokens, configuration drives. The conductor has SQLAlchemy
leave them out.
"""

BASE = 'ironic/conductor/base_manager.py'

_OTHERS = frozenset(('_staged', '_hand_over'))


def make(tree: trees.Tree, release: trees.Release) -> None:
    """Change the tree."""
    for source in parts.MODULES_OF_TAKING_BACK:
        tree.write(source.path, source.render(release.python))
    task_manager.put(tree, ('__init__',), omit=_OTHERS)
    task_manager.put(
        tree,
        parts.METHODS_OF_TAKING_BACK,
        add_imports=[f'from {plugin.PACKAGE} import snapshot'],
    )
    tree.change(BASE, _hide_parameters)
    tree.write(
        f'{files.TESTS}/test_database.py', files.code('4/test_database.py')
    )
    for test in unit_tests.OF_TAKING_BACK:
        tree.write(test.path, test.render(release.python))
    files.note(tree, 'take-requests-back')


def _hide_parameters(text: str) -> str:
    text = statements.edit(
        BASE,
        text,
        'BaseConductorManager.init_host',
        statements.branches('not self.dbapi'),
        'if not self.dbapi:',
        after='database.hide_parameters()',
    )
    return imports.organise(text, [f'from {plugin.PACKAGE} import database'])
