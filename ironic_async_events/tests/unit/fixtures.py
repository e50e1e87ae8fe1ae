# SPDX-License-Identifier: Apache-2.0
"""Fixtures that the tests of the plugin share."""

import fixtures
from oslo_config import cfg

from ironic_async_events import conf as async_conf
from ironic_async_events import patching
from ironic_async_events import plugin
from ironic_async_events.task import patched


class Options(fixtures.Fixture):
    """The options of ``[async_events]``, without the plugin."""

    def _setUp(self) -> None:
        async_conf.register(cfg.CONF)


class Plugin(fixtures.Fixture):
    """The plugin in this process, for the time of a test."""

    def _setUp(self) -> None:
        patching.uninstall()
        plugin.install(cfg.CONF)
        self.addCleanup(patching.uninstall)


class TaskManager(fixtures.Fixture):
    """The plugin; on a patched Ironic its own task manager, and no plugin."""

    def _setUp(self) -> None:
        if not patched.is_patched():
            self.useFixture(Plugin())
