# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with an installation of the plugin."""


class AsyncEventsError(Exception):
    """Base of everything that the plugin raises on its own account."""


class UnsupportedIronic(AsyncEventsError):
    """The installed Ironic has not the shape that the plugin replaces."""


class TaskManagerNotLoaded(AsyncEventsError):
    """The task manager named in the configuration cannot be used."""


class InvalidConfiguration(AsyncEventsError):
    """An option of the ``[async_events]`` group has an unusable value."""


class UnknownVersion(AsyncEventsError):
    """The tables of the outbox were made by a newer release."""


class RefusedToStart(SystemExit):
    """The conductor must not run without the plugin that it was told to use.

    A ``SystemExit``, so that the service ends with one line on standard
    error and a non-zero code instead of a traceback.
    """
