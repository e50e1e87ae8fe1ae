# SPDX-License-Identifier: Apache-2.0
"""What the plugin puts over Ironic's task manager, put into it."""

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping

from patchset import errors
from patchset import tree as trees
from patchset.edit import fold
from patchset.edit import imports
from patchset.edit import plugin

PATH = 'ironic/conductor/task_manager.py'

#: The classes of the plugin, from the lowest to the highest.
CLASSES = (
    ('staging', 'StagingTaskManager'),
    ('base', 'BaseTaskManager'),
    ('native', 'AsyncEventTaskManager'),
)


def put(
    tree: trees.Tree,
    methods: Collection[str],
    *,
    omit: Collection[str] = (),
    say: Mapping[str, Mapping[str, str]] | None = None,
    add_imports: Iterable[str] = (),
) -> None:
    """Put methods of the plugin into Ironic's ``TaskManager``.

    :param tree: the tree
    :param methods: their names
    :param omit: names that are left out of them
    :param say: by module, what is said in another way in Ironic
    :param add_imports: what they need
    """
    left = set(methods)
    text = tree.read(PATH)
    # Each class puts its methods right behind __exit__: the last comes first.
    for name, class_name in reversed(CLASSES):
        source = plugin.Source(name, omit, (say or {}).get(name, {}))
        taken = [
            method
            for method in fold.methods_of(source.module(), class_name)
            if method.name.value in methods
        ]
        left -= {method.name.value for method in taken}
        text = fold.fold(PATH, text, 'TaskManager', taken, after='__exit__')
    if left:
        raise errors.Refusal(
            f'the plugin has no method {", ".join(sorted(left))}'
        )
    tree.write(PATH, imports.organise(text, add_imports))


def say(text: str, old: str, new: str) -> str:
    """Change what a docstring of the file says."""
    if text.count(old) != 1:
        raise errors.Unexpected(PATH, 1, f'"{old.strip().splitlines()[0]}"')
    return text.replace(old, new)
