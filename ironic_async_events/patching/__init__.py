# SPDX-License-Identifier: Apache-2.0
"""Replace attributes of a running Ironic, and restore them.

The rooms above register what they require; this room knows none of them.
"""

from ironic_async_events.patching.installer import State as State
from ironic_async_events.patching.installer import confirm as confirm
from ironic_async_events.patching.installer import install as install
from ironic_async_events.patching.installer import refuse as refuse
from ironic_async_events.patching.installer import register as register
from ironic_async_events.patching.installer import state as state
from ironic_async_events.patching.installer import uninstall as uninstall
