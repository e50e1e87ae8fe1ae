# SPDX-License-Identifier: Apache-2.0
"""sushy-tools' Redfish emulator, whose fake systems change at once.

The systems say each change to the address that they are configured with. What
the emulator cannot do for fake systems is added: settings of the BIOS, and a
firmware update whose task is finished when somebody asks for it.
"""

import sys
from typing import Any

import flask
from sushy_tools.emulator import main
from sushy_tools.emulator.resources.systems import fakedriver

TASK = '/redfish/v1/TaskService/Tasks/42'
_BIOS = {'BootMode': 'Uefi', 'ProcTurboMode': 'Enabled'}


class Systems(fakedriver.FakeDriver):  # type: ignore[misc]
    """Fake systems with a BIOS, which lose no time."""

    def set_power_state(self, identity: str, state: str) -> None:
        super().set_power_state(identity, state)
        pending = self._systems[identity].get('pending_power')
        if pending:
            self._update(identity, pending_power={**pending, 'apply_time': 0})
        self._get(identity)

    def get_bios(self, identity: str) -> dict[str, Any]:
        return {**_BIOS, **(self._get(identity).get('bios') or {})}

    def set_bios(self, identity: str, attributes: dict[str, Any]) -> None:
        self._update(identity, bios=self.get_bios(identity) | attributes)

    def reset_bios(self, identity: str) -> None:
        self._update(identity, bios={})


def _update() -> flask.Response:
    return flask.Response(status=202, headers={'Location': TASK})


def _task() -> flask.Response:
    """Show a finished task; Ironic wants messages, which are optional."""
    task = {'Id': '42', 'Name': 'update', '@odata.id': TASK, 'Messages': []}
    return flask.jsonify(
        {**task, 'TaskState': 'Completed', 'TaskStatus': 'OK'}
    )


if __name__ == '__main__':
    fakedriver.FakeDriver = Systems
    name = 'UpdateService.update_service_simple_update'
    main.app.view_functions |= {name: _update, 'simple_task': _task}
    main.app.configure(sys.argv[1])
    main.app.config['SUSHY_EMULATOR_FAKE_DRIVER'] = True
    main.app.run('127.0.0.1', int(sys.argv[2]), threaded=True)
