# SPDX-License-Identifier: Apache-2.0
"""Replacing parts of a running Ironic, and putting them back.

Knows no other room: the rooms register the rows of what they rely on.
"""

from ironic_async_events.patching.installer import State
from ironic_async_events.patching.installer import confirm
from ironic_async_events.patching.installer import install
from ironic_async_events.patching.installer import refuse
from ironic_async_events.patching.installer import register
from ironic_async_events.patching.installer import state
from ironic_async_events.patching.installer import uninstall

__all__ = [
    'State',
    'confirm',
    'install',
    'refuse',
    'register',
    'state',
    'uninstall',
]
