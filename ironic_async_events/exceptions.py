# SPDX-License-Identifier: Apache-2.0
"""Errors of the plugin: one base, few leaves."""


class AsyncEventsError(Exception):
    """Base of the errors of the plugin."""


class UnsupportedIronic(AsyncEventsError):
    """The plugin does not fit the installed Ironic."""


class TaskManagerNotLoaded(AsyncEventsError):
    """The task manager named in the configuration cannot be used."""


class InvalidConfiguration(AsyncEventsError):
    """An option of the ``[async_events]`` group has an unusable value."""


class UnknownVersion(AsyncEventsError):
    """A newer release has created the tables of the outbox."""


class RefusedToStart(SystemExit):
    """The service is configured to use the plugin and must not run without.

    A ``SystemExit``, so that the service ends with one line on standard
    error and a non-zero code instead of a traceback.
    """
