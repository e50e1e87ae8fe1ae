# SPDX-License-Identifier: Apache-2.0
"""Putting the task manager into a running Ironic, and taking it out again."""

from ironic_async_events.patching.installer import State
from ironic_async_events.patching.installer import install
from ironic_async_events.patching.installer import state
from ironic_async_events.patching.installer import uninstall

__all__ = ['State', 'install', 'state', 'uninstall']
