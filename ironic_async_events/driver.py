# SPDX-License-Identifier: Apache-2.0
"""The notification driver that switches the plugin on."""

from typing import Any

from oslo_config import cfg
from oslo_messaging.notify import notifier

from ironic_async_events import plugin


class AsyncEventsDriver(notifier.Driver):  # type: ignore[misc]
    """Installs the plugin when it is constructed; sends nothing.

    Every Ironic service constructs the drivers of
    ``[oslo_messaging_notifications]`` right after it has parsed its
    configuration and before it imports the conductor, more than once per
    process. The other configured drivers publish the notifications.
    """

    def __init__(
        self, conf: cfg.ConfigOpts, topics: Any, transport: Any
    ) -> None:
        super().__init__(conf, topics, transport)
        plugin.install(conf)

    def notify(
        self, ctxt: Any, message: Any, priority: Any, retry: Any
    ) -> None:
        """Do nothing; called for every notification."""
