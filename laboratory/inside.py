# SPDX-License-Identifier: Apache-2.0
"""Ironic's own modules on a real database, inside a process of ours.

For what is too small to be seen from outside of a service.
"""

from collections.abc import Callable
import concurrent.futures
import multiprocessing
from typing import Any


def configure(url: str) -> Any:
    """Configure Ironic in this process, for one database and for good.

    Notifications are off.
    """
    # Nothing of Ironic is imported for those who only want a name of ours.
    from ironic import objects
    from ironic.common import context
    from ironic.conf import CONF
    from ironic.db import api  # noqa: F401  # registers its options

    from ironic_async_events import conf as async_conf

    CONF([], project='ironic')
    async_conf.register(CONF)
    CONF.set_override('host', 'laboratory')
    CONF.set_override('connection', url, 'database')
    objects.register_all()
    return context.get_admin_context()


def elsewhere(function: Callable[..., Any], *args: Any) -> Any:
    """Call a function that configures Ironic, in a process of its own."""
    with concurrent.futures.ProcessPoolExecutor(
        1, multiprocessing.get_context('spawn')
    ) as executor:
        return executor.submit(function, *args).result()
