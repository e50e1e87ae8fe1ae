# SPDX-License-Identifier: Apache-2.0
"""Use the outbox in a process; start and stop the relay in a conductor."""

from collections.abc import Callable
import functools
import sys
from typing import Any

from oslo_config import cfg
from oslo_log import log as logging

from ironic_async_events import exceptions
from ironic_async_events import redaction
from ironic_async_events.outbox import advice
from ironic_async_events.outbox import connection
from ironic_async_events.outbox import schema
from ironic_async_events.outbox import transaction
from ironic_async_events.task import delivery

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

# A process that serves the API imports this module before it parses its
# configuration. ironic-dbsync does not, and must run without these tables.
_API = 'ironic.api.app'

_transport: Any = None
_thread: Any = None
_checked = False


def use(transport: Any) -> None:
    """Make the outbox the delivery of this process.

    Called by the main thread of a service, for each of its notifiers.

    :param transport: the notification transport
    """
    global _transport
    _transport = transport
    delivery.use(transaction.in_one_transaction)


def check_api(conf: cfg.ConfigOpts) -> None:
    """Refuse to serve the API with a database that lacks the tables.

    :param conf: the configuration of the service
    :raises RefusedToStart: when something is wrong with the tables
    """
    global _checked
    if _checked or _API not in sys.modules:
        return
    _checked = True
    try:
        with schema.glance(conf.database.connection) as engine:
            schema.check(engine)
    except exceptions.RefusedToStart as e:
        LOG.error('%s', e)
        raise
    except Exception as e:
        # Ironic itself waits for its database, and logs this.
        LOG.warning(
            'ironic-async-events: could not look for the tables of the '
            'outbox: %s',
            redaction.line(e),
        )


def wake() -> None:
    """Wake the relay of this process, if there is a relay.

    Called by any thread, after the commit.
    """
    if _thread is not None:
        _thread.wake()


def started(init_host: Callable[..., Any]) -> Callable[..., Any]:
    """Make a conductor start its relay.

    :param init_host: the method of the manager that starts a conductor
    :returns: the replacement
    """

    @functools.wraps(init_host)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if _transport is None:
            return init_host(*args, **kwargs)
        # First: without the tables the conductor must not start.
        engine = connection.engine()
        schema.check(engine)
        for concern in advice.concerns(CONF, engine):
            LOG.log(concern.level, 'ironic-async-events: %s', concern.text)
        result = init_host(*args, **kwargs)
        _start()
        return result

    return wrapper


def stopped(del_host: Callable[..., Any]) -> Callable[..., Any]:
    """Make a conductor end its relay.

    :param del_host: the method of the manager that ends a conductor
    :returns: the replacement
    """

    @functools.wraps(del_host)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            # This waits for the workers, which may still send notifications.
            return del_host(*args, **kwargs)
        finally:
            _stop()

    return wrapper


def _start() -> None:
    global _thread
    if _thread is None:
        from ironic_async_events.outbox import relay_thread  # no API needs it

        _thread = relay_thread.start(_transport)


def _stop() -> None:
    global _thread
    if _thread is not None:
        _thread.stop(CONF.async_events.outbox_drain_timeout)
        _thread = None
