# SPDX-License-Identifier: Apache-2.0

import itertools

from oslotest import base

from patchset import tree
from patchset.commits import parts
from patchset.commits import unit_tests
from patchset.edit import plugin


class PluginTestCase(base.BaseTestCase):
    """What Ironic gets of the plugin's modules."""

    sources = (
        plugin.Source('transition'),
        *parts.MODULES_OF_SPAWN,
        *parts.MODULES_OF_TAKING_BACK,
        parts.ORPHANS,
        *parts.MODULES_OF_SAVING,
        *unit_tests.OF_SPAWN,
        *unit_tests.OF_TAKING_BACK,
        *unit_tests.WITHOUT_CALLBACKS,
        unit_tests.OF_SAVING,
    )

    def test_every_module_is_ironics_for_every_release(self):
        pythons = {release.python for release in tree.KNOWN}
        for source, python in itertools.product(self.sources, pythons):
            text = source.render(python)
            compile(text, source.path, 'exec')
            self.assertTrue(text.startswith(plugin.LICENSE))
            for word in ('ironic_async_events', 'async_events', 'drop_in'):
                self.assertNotIn(word, text, source.name)

    def test_every_word_is_needed(self):
        package = [s for s in self.sources if type(s) is plugin.Source]
        package += [plugin.Source(name) for name in ('staging', 'base')]
        for words, package_name, sources in (
            (plugin.WORDS, plugin.PLUGIN, package),
            (
                plugin.TEST_WORDS,
                plugin.TESTS,
                [s for s in self.sources if type(s) is plugin.Test],
            ),
        ):
            read = [plugin.read(package_name, s.name) for s in sources]
            for word in words:
                self.assertTrue(any(word in text for text in read), word)
