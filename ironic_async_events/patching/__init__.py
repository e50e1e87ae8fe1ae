# SPDX-License-Identifier: Apache-2.0
"""Replace attributes of a running Ironic, and restore them.

The rooms above register tables of what they rely on; this room knows none of
them.
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
