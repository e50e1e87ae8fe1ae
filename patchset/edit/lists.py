# SPDX-License-Identifier: Apache-2.0
"""Elements of lists, such as the options of a group."""

import libcst as cst
from libcst import metadata

from patchset import errors


def append(path: str, source: str, variable: str, text: str) -> str:
    """Put an element at the end of a list whose bracket has its own line.

    :param path: the file, for the error
    :param source: its text
    :param variable: what the list is assigned to
    :param text: the element, as it is to be written, with its comma
    """
    wrapper = metadata.MetadataWrapper(cst.parse_module(source))
    positions = wrapper.resolve(metadata.PositionProvider)
    for statement in wrapper.module.body:
        if not isinstance(statement, cst.SimpleStatementLine):
            continue
        assign = statement.body[0]
        if (
            isinstance(assign, cst.Assign)
            and isinstance(assign.value, cst.List)
            and isinstance(assign.targets[0].target, cst.Name)
            and assign.targets[0].target.value == variable
        ):
            end = positions[assign.value].end.line
            lines = source.splitlines(keepends=True)
            if lines[end - 1].strip() != ']':
                break
            return ''.join([*lines[: end - 1], text, *lines[end - 1 :]])
    raise errors.Unexpected(path, 1, f'a list {variable}')
