# SPDX-License-Identifier: Apache-2.0
"""2. A vendor method gets its arguments; unhold gets the right hook."""

from patchset import files
from patchset import tree as trees
from patchset.edit import classes
from patchset.edit import imports
from patchset.edit import statements
from patchset.edit import tests

SUBJECT = 'Bind the arguments of vendor methods'

BODY = """
An asynchronous vendor method is spawned with the body of a REST request
as keyword arguments. So a key of that body can be taken for a parameter
of TaskManager.spawn_after() or of the spawn method; "_spawn_method" is
today. Bind them to the vendor method first: then no parameter that
spawn_after() may gain can be reached from there.

When no worker can be had to continue servicing after a hold, the hook is
called with arguments that it does not take: it is the one for an error
within servicing. It has to be the one that puts the states back.
"""

PATH = 'ironic/conductor/manager.py'


def make(tree: trees.Tree, release: trees.Release) -> None:
    """Change the tree."""
    tree.change(PATH, _manager)
    tree.change(
        tests.MANAGER,
        lambda text: classes.put_methods(
            tests.MANAGER,
            text,
            'VendorPassthruTestCase',
            files.text('2/vendor_passthru.py'),
        ),
    )
    tree.change(
        tests.MANAGER,
        lambda text: classes.put_methods(
            tests.MANAGER,
            text,
            'DoNodeServiceTestCase',
            files.text('2/unhold.py'),
        ),
    )
    files.note(tree, 'vendor-method-arguments')


def _manager(text: str) -> str:
    text = statements.edit(
        PATH,
        text,
        'ConductorManager.vendor_passthru',
        statements.calls('task.spawn_after'),
        'task.spawn_after(...)',
        by="""
            # The keys of a request's body are nobody's parameters but the
            # vendor method's.
            method = functools.partial(vendor_func, **info)
            functools.update_wrapper(method, vendor_func, updated=())
            task.spawn_after(self._spawn_worker, method, task)
        """,
    )
    text = classes.replace_expression(
        PATH,
        text,
        'ConductorManager.do_provisioning_action',
        'utils.servicing_error_handler',
        'utils.provisioning_error_handler',
    )
    return imports.organise(text, ['import functools'])
