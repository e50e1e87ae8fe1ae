# SPDX-License-Identifier: Apache-2.0
"""What tempest loads."""

import pathlib
from typing import Any

from tempest import config
from tempest.test_discover import plugins

from ironic_async_events.tests.tempest import config as plugin_config


class AsyncEventsTempestPlugin(plugins.TempestPlugin):  # type: ignore[misc]
    """The tests of this package."""

    def load_tests(self) -> tuple[str, str]:
        """Return the directory of the tests and the root for their names."""
        here = pathlib.Path(__file__).resolve().parent
        return str(here / 'tests'), str(here.parents[2])

    def register_opts(self, conf: Any) -> None:
        """Register the options; tempest calls it once."""
        config.register_opt_group(
            conf, plugin_config.GROUP, plugin_config.OPTS
        )

    def get_opt_lists(self) -> list[tuple[str, list[Any]]]:
        """Return the options for a sample of the configuration."""
        return [(plugin_config.GROUP.name, plugin_config.OPTS)]
