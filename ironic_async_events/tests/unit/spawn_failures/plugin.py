# SPDX-License-Identifier: Apache-2.0
"""Activates the plugin in the process of the tests."""

import fixtures

from ironic_async_events import patching


class Plugin(fixtures.Fixture):
    """The plugin is installed, as the notification driver does it."""

    def _setUp(self) -> None:
        self.addCleanup(patching.uninstall)
        patching.install()
