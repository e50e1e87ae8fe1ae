#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hold zuul.d/ against the schemas of an installed Zuul.

What they cannot know, names and tox environments, is a unit test.
"""

import pathlib
import sys
from unittest import mock

import voluptuous
import yaml
from zuul import configloader


def main() -> int:
    """Check every item.

    :returns: 0 when Zuul accepts them all, 1 when it does not.
    """
    # The schemas do not use the context of a tenant.
    context = mock.MagicMock()
    schemas = {
        'job': configloader.JobParser.schema,
        'project': configloader.ProjectParser(context).schema,
        'project-template': configloader.ProjectTemplateParser(context).schema,
    }
    checked = 0
    for path in sorted(pathlib.Path('zuul.d').glob('*.yaml')):
        for item in yaml.safe_load(path.read_text()):
            ((kind, value),) = item.items()
            name = f'{path}: {kind} {value.get("name", "")}'.rstrip()
            if kind not in schemas:
                print(f'{name}: no schema for it is known here')
                return 1
            try:
                schemas[kind](value)
            except voluptuous.Invalid as error:
                print(f'{name}: {error}')
                return 1
            checked += 1
    print(f'Zuul accepts {checked} items')
    return 0 if checked else 1


if __name__ == '__main__':
    sys.exit(main())
