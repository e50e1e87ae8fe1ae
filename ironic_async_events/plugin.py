# SPDX-License-Identifier: Apache-2.0
"""Install the task manager and the repairs that are switched on.

This module imports neither Ironic nor oslo.messaging: their import chooses the
backend of the service.
"""

from oslo_config import cfg

from ironic_async_events import conf as async_conf
from ironic_async_events import exceptions
from ironic_async_events import patching
from ironic_async_events.repairs import requirements as repairs
from ironic_async_events.task import requirements as task


def install(conf: cfg.ConfigOpts | None = None) -> None:
    """Make the conductor of this process run with the plugin.

    Never raises: a failure is logged, and the conductor refuses to start.
    Installing twice is installing once. Called by the main thread of a
    service, while it parses its configuration.

    :param conf: the configuration of the service; oslo.config's global one
        by default
    """
    if patching.state().installed:
        return
    conf = conf or cfg.CONF
    async_conf.register(conf)
    try:
        async_conf.check(conf)
        wanted = conf.async_events.repairs
    except exceptions.AsyncEventsError as e:
        patching.refuse(str(e))
        wanted = []
    patching.register('task', task.table())
    for name in wanted:
        patching.register(name, repairs.REQUIREMENTS[name], required=False)
    patching.install()
