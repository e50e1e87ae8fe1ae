# SPDX-License-Identifier: Apache-2.0
"""Write the ``ironic.conf`` of a service under test."""

from collections.abc import Mapping
import pathlib

Options = Mapping[str, Mapping[str, object]]
"""Group -> option -> value; a list is written as one line per value."""


def merged(*layers: Options) -> dict[str, dict[str, object]]:
    """Lay options over others, without changing either."""
    result: dict[str, dict[str, object]] = {}
    for layer in layers:
        for group, values in layer.items():
            result.setdefault(group, {}).update(values)
    return result


def write(path: pathlib.Path, options: Options) -> None:
    lines: list[str] = []
    for group, values in options.items():
        lines.append(f'[{group}]')
        for name, value in values.items():
            each = value if isinstance(value, list) else [value]
            lines += [f'{name} = {item}' for item in each]
        lines.append('')
    path.write_text('\n'.join(lines), encoding='utf-8')
