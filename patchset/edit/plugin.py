# SPDX-License-Identifier: Apache-2.0
"""The modules of the plugin, as Ironic would have them."""

from collections.abc import Collection
from collections.abc import Mapping
import dataclasses
import importlib.util
import pathlib
import re

import libcst as cst

from patchset import errors
from patchset.edit import calls
from patchset.edit import imports
from patchset.edit import older
from patchset.edit import omit as omission

#: The package of the plugin that is taken, and what it is called in Ironic.
PLUGIN = 'ironic_async_events.task'
PACKAGE = 'ironic.conductor.transitions'
PATH = PACKAGE.replace('.', '/')

LICENSE = """\
#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.
"""

_LOGGER = "logging.getLogger('ironic.conductor.task_manager')"

# What is said, or called, in another way in Ironic.
WORDS: Mapping[str, str] = {
    PLUGIN: PACKAGE,
    'async_conf.start_timeout(CONF)': 'CONF.conductor.worker_start_timeout',
    '[async_events]start_timeout': '[conductor]worker_start_timeout',
    'task_manager.LOG': _LOGGER,
    "The lines that Ironic's own task manager writes stay where they were.": (
        'Operators know these lines by the name of the task manager.'
    ),
}

#: The package of the plugin's unit tests.
TESTS = 'ironic_async_events.tests.unit'

TEST_PACKAGE = 'ironic.tests.unit.conductor.transitions'

TEST_WORDS: Mapping[str, str] = {
    f'from {TESTS} import base\n': f'from {TEST_PACKAGE} import base\n',
    'from oslotest import base\n': 'from ironic.tests import base\n',
    'base.BaseTestCase': 'base.TestCase',
    PLUGIN: PACKAGE,
    'drop_in.DropInTaskManager': 'task_manager.TaskManager',
    'native.AsyncEventTaskManager': 'task_manager.TaskManager',
    "start_timeout=0, group='async_events'": (
        "worker_start_timeout=0, group='conductor'"
    ),
    "start_timeout=0.01, group='async_events'": (
        "worker_start_timeout=0.01, group='conductor'"
    ),
}


@dataclasses.dataclass(frozen=True)
class Source:
    """A module of the plugin, or what Ironic gets of it.

    :param name: its name in the plugin's package
    :param omit: names that are left out, with whatever mentions them
    :param say: what is said in another way in Ironic
    """

    name: str
    omit: Collection[str] = ()
    say: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def path(self) -> str:
        """Where it stands in Ironic."""
        return f'{PATH}/{self.name}.py'

    @property
    def _words(self) -> Mapping[str, str]:
        return WORDS

    @property
    def _package(self) -> str:
        return PLUGIN

    def module(self) -> cst.Module:
        """Return the source, without what is omitted, in Ironic's words."""
        text = read(self._package, self.name)
        for old, new in self.say.items():
            if old not in text:
                raise errors.Unexpected(
                    f'{self._package.replace(".", "/")}/{self.name}.py',
                    1,
                    f'"{old.strip().splitlines()[0]}"',
                )
            text = text.replace(old, new)
        for old, new in self._words.items():
            text = text.replace(old, new)
        module = omission.omit_definitions(cst.parse_module(text), self.omit)
        module = cst.parse_module(self._adapt(module.code))
        return omission.omit(module, self.omit)

    def render(self, python: tuple[int, int] = (3, 11)) -> str:
        """Return the module for Ironic.

        :param python: the oldest Python that the release runs on
        """
        text = self.module().code
        # What this project's checks need.
        text = re.sub(r'  # type: ignore\[[\w-]+\]', '', text)
        text = re.sub(
            r'\A# SPDX-License-Identifier: \S+\n', LICENSE + '\n', text
        )
        added = []
        if _LOGGER in text:
            added.append('from oslo_log import log as logging')
        if 'task_manager.TaskManager' in text:
            added.append('from ironic.conductor import task_manager')
        return older.rewrite(imports.organise(text, added), python)

    def _adapt(self, text: str) -> str:
        return text


class Test(Source):
    """A module of the plugin's unit tests."""

    @property
    def path(self) -> str:
        """Where it stands in Ironic."""
        return f'{TEST_PACKAGE.replace(".", "/")}/{self.name}.py'

    @property
    def _words(self) -> Mapping[str, str]:
        return TEST_WORDS

    @property
    def _package(self) -> str:
        return TESTS

    def _adapt(self, text: str) -> str:
        # They call it as today's Ironic does.
        return calls.convert(self.path, text)[0]


def read(package: str, name: str) -> str:
    """Return the text of a module of the plugin."""
    # Found, not imported: that would need an Ironic.
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise errors.Refusal(
            f'{package} is not here; run the patch set from the repository '
            'that holds the plugin'
        )
    directory = pathlib.Path(spec.submodule_search_locations[0])
    return (directory / f'{name}.py').read_text()
