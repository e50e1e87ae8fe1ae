# SPDX-License-Identifier: Apache-2.0
"""Recognize an Ironic that needs no other task manager.

The series of commits in ``patchset/`` brings the task manager into Ironic.
There the plugin replaces it only for the outbox.
"""

import importlib.util
import pathlib

ANSWER = 'this Ironic does it by itself'
"""What the log and the upgrade check say of such an Ironic."""


def is_patched() -> bool:
    """Tell whether the installed Ironic has the series of commits.

    Reads a file, because the import of Ironic's conductor could choose the
    backend of the service.
    """
    spec = importlib.util.find_spec('ironic')
    places = (spec and spec.submodule_search_locations) or ()
    return any(has_series(pathlib.Path(place)) for place in places)


def has_series(package: pathlib.Path) -> bool:
    """Tell whether a source of the package ``ironic`` has the series."""
    path = package / 'conductor' / 'task_manager.py'
    return path.is_file() and 'def post_process_event(' in path.read_text()
