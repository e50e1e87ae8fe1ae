# SPDX-License-Identifier: Apache-2.0
"""The checks before an upgrade: does the plugin fit this Ironic?"""

import functools
import importlib
import importlib.metadata
import logging
import types
from typing import Any

from oslo_config import cfg
from oslo_upgradecheck import upgradecheck

from ironic_async_events import conf as async_conf
from ironic_async_events import exceptions
from ironic_async_events import redaction
from ironic_async_events.command import ironic_conf
from ironic_async_events.patching import loader
from ironic_async_events.patching import patched
from ironic_async_events.patching import requirement
from ironic_async_events.repairs import requirements as repairs
from ironic_async_events.task import requirements as task

CONF = cfg.CONF

#: The group of the options for notification drivers.
NOTIFICATIONS = 'oslo_messaging_notifications'

#: Releases with which the plugin is tested.
TESTED = ('24.1', '26.1', '29.0', '32.1', '35.1', '39.0')

#: What the commands use in private.
COMMANDS = tuple(
    requirement.Requirement(
        f'oslo_messaging.{module}',
        name,
        'the audit deletes its queue when it ends',
    )
    for module, name in (
        ('transport', 'Transport._driver'),
        ('_drivers.amqpdriver', 'AMQPDriverBase._get_connection'),
    )
)

_success = functools.partial(upgradecheck.Result, upgradecheck.Code.SUCCESS)
_warning = functools.partial(upgradecheck.Result, upgradecheck.Code.WARNING)
_failure = functools.partial(upgradecheck.Result, upgradecheck.Code.FAILURE)


def _ironic() -> dict[str, types.ModuleType]:
    """Import the modules that are patched."""
    try:
        return {
            name: importlib.import_module(name) for name in requirement.MODULES
        }
    except Exception as e:
        raise exceptions.UnsupportedIronic(
            f'the conductor of Ironic cannot be imported ({type(e).__name__}: '
            f'{redaction.line(e)}); install the libraries of its release'
        ) from e


def is_tested(version: str) -> bool:
    """Return whether the plugin is tested with a version of Ironic."""
    return '.'.join(version.split('.')[:2]) in TESTED


class Checks(upgradecheck.UpgradeCommands):
    """The checks, each with its title."""

    def _check_driver(self) -> upgradecheck.Result:
        drivers = CONF[NOTIFICATIONS].driver
        if any(driver.startswith('async_events') for driver in drivers):
            return _success(f'driver = {", ".join(drivers)}')
        if patched.is_patched():
            return _success(f'The driver line is missing: {patched.ANSWER}')
        return _failure(
            'The plugin is not switched on. Add to the configuration: '
            f'[{NOTIFICATIONS}] driver = async_events'
        )

    def _check_notifications(self) -> upgradecheck.Result:
        if CONF.notification_level is None:
            return _warning(
                'Ironic sends no notifications. Add to the configuration: '
                '[DEFAULT] notification_level = info'
            )
        if set(CONF[NOTIFICATIONS].driver) <= {'async_events', 'noop'}:
            return _warning(
                'No driver publishes the notifications. Add to the '
                f'configuration: [{NOTIFICATIONS}] driver = messagingv2'
            )
        return _success(f'level {CONF.notification_level}')

    def _check_options(self) -> upgradecheck.Result:
        try:
            async_conf.check(CONF)
        except exceptions.AsyncEventsError as e:
            return _failure(str(e))
        return _success('')

    def _check_ironic(self) -> upgradecheck.Result:
        try:
            version = importlib.metadata.version('ironic')
            _ironic()
            for needed in _required():
                needed.check()
        except importlib.metadata.PackageNotFoundError:
            return _failure(
                'Ironic is not installed in this Python environment. '
                'Install the plugin in the Python environment of Ironic.'
            )
        except exceptions.AsyncEventsError as e:
            return _failure(
                f'Ironic {version}: {e}. Remove from the configuration: '
                f'[{NOTIFICATIONS}] driver = async_events'
            )
        if not is_tested(version):
            return _warning(
                f'The plugin fits Ironic {version}, but is only tested with '
                f'{", ".join(TESTED)}.'
            )
        if patched.is_patched():
            return _success(f'Ironic {version}: {patched.ANSWER}')
        return _success(f'Ironic {version}')

    def _check_repairs(self) -> upgradecheck.Result:
        tables = [
            (
                f'The repair "{name}" will be left out',
                repairs.REQUIREMENTS[name],
            )
            for name in CONF.async_events.repairs
        ]
        tables.append(('A command will not work', COMMANDS))
        try:
            _ironic()
        except exceptions.AsyncEventsError as e:
            return _failure(f'{e}.')
        concerns = []
        for effect, table in tables:
            try:
                for needed in table:
                    needed.check()
            except exceptions.AsyncEventsError as e:
                concerns.append(f'{effect}: {e}.')
        return _warning(' '.join(concerns)) if concerns else _success('')

    def _check_task_manager(self) -> upgradecheck.Result:
        try:
            stock: Any = _ironic()[requirement.TASK_MANAGER]
            if patched.is_patched():
                return _success(patched.ANSWER)
            loaded = loader.task_manager(stock.TaskManager)
        except exceptions.AsyncEventsError as e:
            return _failure(f'{e}.')
        except (ImportError, ValueError) as e:
            return _failure(
                f'The task manager cannot be loaded: {redaction.line(e)}'
            )
        return _success(f'{loaded.__module__}.{loaded.__qualname__}')

    def _check_outbox(self) -> upgradecheck.Result:
        if not _has_outbox():
            return _success('not configured')
        try:
            from ironic_async_events.outbox import connection
            from ironic_async_events.outbox import schema

            problem = schema.problem(connection.engine())
        except Exception as e:
            return _failure(
                f'The database cannot be used: {ironic_conf.brief(e)}. Check '
                'that it runs, and in the configuration: [database] connection'
            )
        return _success('') if problem is None else _failure(f'{problem}.')

    def _check_beside(self) -> upgradecheck.Result:
        if not _has_outbox():
            return _success('not configured')
        from ironic_async_events.outbox import advice  # chooses a backend

        return _judged(advice.beside(CONF))

    def _check_transport(self) -> upgradecheck.Result:
        if not _has_outbox():
            return _success('not configured')
        import oslo_messaging

        from ironic_async_events.outbox import advice  # chooses a backend

        try:
            return _judged(advice.transport(CONF))
        except (oslo_messaging.InvalidTransportURL, ValueError):
            # The text of the error may repeat the URL with its password.
            return _failure(
                'The transport URL cannot be read. Check in the '
                f'configuration: [{NOTIFICATIONS}] transport_url and '
                '[DEFAULT] transport_url'
            )

    def _check_reads(self) -> upgradecheck.Result:
        try:
            # Without Ironic there is no such option; another check says so.
            options = getattr(CONF, 'database', None)
            url = getattr(options, 'connection', None) or ''
            if not url.startswith(('mysql', 'mariadb')):
                return _success('')
            from ironic_async_events.outbox import advice  # chooses a backend
            from ironic_async_events.outbox import schema

            return _judged(advice.galera(CONF, schema.glance(url)))
        except Exception as e:
            return _warning(
                'The database does not say whether it is a Galera cluster: '
                f'{ironic_conf.brief(e)}.'
            )

    _upgrade_checks = (
        ('Plugin switched on', _check_driver),
        ('Notifications sent', _check_notifications),
        ('Options', _check_options),
        ('Ironic fits', _check_ironic),
        ('Repairs fit', _check_repairs),
        ('Task manager loads', _check_task_manager),
        ('Outbox has its tables', _check_outbox),
        ('Outbox publishes alone', _check_beside),
        ('Bus confirms messages', _check_transport),
        ('Database reads what was committed', _check_reads),
    )


def _required() -> tuple[requirement.Requirement, ...]:
    """Return what has to fit, or the conductor refuses to start."""
    if not _has_outbox():
        return task.table()
    from ironic_async_events.outbox import requirements as outbox

    return (*task.table(), *outbox.REQUIREMENTS)


def _has_outbox() -> bool:
    return 'async_events_outbox' in CONF[NOTIFICATIONS].driver


def _judged(concern: Any) -> upgradecheck.Result:
    if concern is None:
        return _success('')
    grave = concern.level >= logging.ERROR
    return (_failure if grave else _warning)(f'{concern.text}.')
