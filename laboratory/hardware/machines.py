# SPDX-License-Identifier: Apache-2.0
"""Machines that a Redfish emulator turns on, and what boots on them."""

import contextlib
import functools
import hashlib
import pathlib
import re
import sys
from typing import Any
import uuid

import requests

from laboratory import api
from laboratory import configuration
from laboratory import processes
from laboratory import service
from laboratory.hardware import agents

# Nobody reads them; their names and sizes are what counts.
_IMAGE = b'\0' * 1024
_BOOT_SECONDS = 1.0
_CALLBACK = re.compile(r'ipa-inspection-callback-url=(\S+)')
_INTERFACES = {
    'bios': 'redfish',
    'boot': 'ipxe',
    'deploy': 'direct',
    'firmware': 'no-firmware',
    'inspect': 'agent',
    'management': 'redfish',
    'power': 'redfish',
    'raid': 'no-raid',
    'rescue': 'agent',
    'storage': 'noop',
    'vendor': 'no-vendor',
}


def command(name: str) -> tuple[str, ...]:
    """Tell how to run a script of Ironic quickly, by its name or its path."""
    path = name if '/' in name else service.script(name)
    return (sys.executable, '-m', 'laboratory.hardware.quick', path)


class Machines(processes.Server):
    """Some machines in a directory, with their agents; a context manager.

    :param directory: holds what the machines boot, and the emulator's state.
    :param number: how many machines.
    :param seconds: between two heartbeats of one agent.
    """

    def __init__(
        self, directory: pathlib.Path, number: int, seconds: float = 2.0
    ) -> None:
        super().__init__()
        self.directory = directory
        self.port = processes.free_port()
        self.uuids = [str(uuid.uuid4()) for _ in range(number)]
        self.agents = agents.Agents('', seconds, self.power)
        self.agents.report = self.report
        self._on: set[str] = set()

    def serve(self) -> None:
        self._stack = contextlib.ExitStack()
        self._stack.enter_context(self.agents)
        self._http = self.directory / 'http'
        self._http.mkdir()
        for name in ('kernel', 'ramdisk', 'image'):
            (self.directory / name).write_bytes(_IMAGE)
        settings = {
            'SUSHY_EMULATOR_FAKE_SYSTEMS': [
                {
                    'uuid': one,
                    'name': f'machine-{number}',
                    'power_state': 'Off',
                    'external_notifier': True,
                    'nics': [{'mac': self.mac(one), 'ip': '127.0.0.1'}],
                }
                for number, one in enumerate(self.uuids)
            ],
            'SUSHY_EMULATOR_STATE_DIR': str(self.directory),
            'EXTERNAL_NOTIFICATION_URL': self.agents.url,
        }
        lines = [f'{name} = {value!r}' for name, value in settings.items()]
        path = self.directory / 'emulator.conf'
        path.write_text('\n'.join(lines))
        module = 'laboratory.hardware.emulator'
        emulator = processes.Process(
            'emulator',
            [sys.executable, '-m', module, str(path), str(self.port)],
            self.directory / 'emulator.log',
        )
        url = f'{self.endpoint}/redfish/v1/'
        self.launch(emulator, lambda: api.answers(url), 'answer')

    def stop(self) -> None:
        super().stop()
        self._stack.close()

    @property
    def endpoint(self) -> str:
        return f'http://127.0.0.1:{self.port}'

    @staticmethod
    def mac(machine: str) -> str:
        tail = machine.replace('-', '')[:10]
        pairs = (tail[place : place + 2] for place in range(0, 10, 2))
        return ':'.join(('52', *pairs))

    # What Ironic is told

    def options(self) -> configuration.Options:
        """Tell what an Ironic needs that takes care of these machines."""
        default: dict[str, object] = {
            'enabled_hardware_types': 'redfish',
            'enabled_network_interfaces': 'noop',
            'default_network_interface': 'noop',
            'enabled_console_interfaces': 'no-console',
            'default_console_interface': 'no-console',
        }
        for kind, name in _INTERFACES.items():
            default[f'enabled_{kind}_interfaces'] = name
            default[f'default_{kind}_interface'] = name
        tftp = self.directory / 'tftp'
        return {
            'DEFAULT': default,
            'agent': {
                'require_tls': False,
                'command_timeout': 5,
                'command_wait_interval': 1,
                'post_deploy_get_power_state_retry_interval': 1,
            },
            'conductor': {'file_url_allowed_paths': self.directory},
            'deploy': {'http_root': self._http, 'http_url': self.agents.url},
            'dhcp': {'dhcp_provider': 'none'},
            'pxe': {
                'tftp_root': tftp,
                'tftp_master_path': tftp / 'master',
                'instance_master_path': self.directory / 'master',
                'images_path': self.directory / 'images',
            },
            'redfish': {
                'firmware_update_status_interval': 2,
                'firmware_update_fail_interval': 2,
            },
        }

    def node(self, machine: str) -> dict[str, Any]:
        """Tell how a machine is enrolled, under its own UUID."""
        return {
            'uuid': machine,
            'driver': 'redfish',
            'driver_info': {
                'redfish_address': self.endpoint,
                'redfish_system_id': f'/redfish/v1/Systems/{machine}',
                **{
                    f'{what}_{part}': f'file://{self.directory}/{part}'
                    for what in ('deploy', 'rescue')
                    for part in ('kernel', 'ramdisk')
                },
            },
            'properties': {'cpu_arch': 'x86_64'},
            'instance_info': self.instance_info(),
        }

    def instance_info(self) -> dict[str, Any]:
        """Tell what is deployed; a tear-down wipes it."""
        return {
            'image_source': f'{self.agents.url}/image',
            'image_os_hash_algo': 'sha256',
            'image_os_hash_value': hashlib.sha256(_IMAGE).hexdigest(),
            'image_type': 'whole-disk',
            'image_disk_format': 'raw',
        }

    # What happens to machines

    def power(self, machine: str, what: str) -> None:
        """Press a button of a machine."""
        url = f'{self.endpoint}/redfish/v1/Systems/{machine}'
        with requests.Session() as session:
            session.trust_env = False
            session.post(
                f'{url}/Actions/ComputerSystem.Reset',
                json={'ResetType': what},
                timeout=30,
            ).raise_for_status()

    def report(self, system: dict[str, Any]) -> None:
        """Boot or end what is on a machine; the emulator calls this."""
        machine = system['uuid']
        if system['power_state'] != 'On':
            self._on.discard(machine)
            self.agents.end(machine)
        elif machine not in self._on:
            self._on.add(machine)
            self._boot(machine, system.get('boot_device'))

    def _boot(self, machine: str, device: str | None) -> None:
        """Boot from the network if there is something to boot."""
        path = self._http / machine / 'config'
        if device != 'Pxe' or not path.exists():
            return
        agent = self.agents.boot(machine)
        callback = _CALLBACK.search(path.read_text())
        if callback is not None:
            found = self._inventory(machine)
            agent.first = functools.partial(agent.inspect, callback[1], found)
        self.agents.later(_BOOT_SECONDS, agent.start)

    def _inventory(self, machine: str) -> dict[str, Any]:
        return {
            'interfaces': [
                {
                    'name': 'eth0',
                    'mac_address': self.mac(machine),
                    'ipv4_address': '192.0.2.1',
                    'has_carrier': True,
                }
            ],
            'cpu': {'count': 2, 'architecture': 'x86_64'},
            'memory': {'physical_mb': 4096},
            'disks': [{'name': '/dev/sda', 'size': 2**34}],
            'boot': {
                'current_boot_mode': 'uefi',
                'pxe_interface': self.mac(machine),
            },
            'bmc_address': '',
        }
