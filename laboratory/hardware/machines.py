# SPDX-License-Identifier: Apache-2.0
"""Machines that a Redfish emulator turns on, and what boots on them."""

import functools
import hashlib
import pathlib
import sys
from typing import Any
import uuid

import requests

from laboratory import api
from laboratory import configuration
from laboratory import processes
from laboratory import service
from laboratory.hardware import agents

# Nobody reads it; its name and size are what counts.
_IMAGE = b'\0' * 1024
_BOOT_SECONDS = 1.0
_FILES = [
    f'{what}_{part}'
    for what in ('deploy', 'rescue')
    for part in ('kernel', 'ramdisk')
]
_INTERFACES = {
    'bios': 'redfish',
    'boot': 'ipxe',
    'console': 'no-console',
    'deploy': 'direct',
    'firmware': 'no-firmware',
    'inspect': 'agent',
    'management': 'redfish',
    'network': 'noop',
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
    """

    def __init__(self, directory: pathlib.Path, number: int) -> None:
        super().__init__(directory)
        self.endpoint = f'http://127.0.0.1:{processes.free_port()}'
        self.uuids = [str(uuid.uuid4()) for _ in range(number)]
        self.agents = agents.Agents(self._press, self._report)
        self._http = directory / 'http'
        self._on: set[str] = set()

    def serve(self) -> None:
        self.agents.__enter__()
        self._http.mkdir()
        for name in _FILES:
            (self.directory / name).write_bytes(_IMAGE)
        settings = {
            'SUSHY_EMULATOR_FAKE_SYSTEMS': [
                {
                    'uuid': one,
                    'name': one,
                    'power_state': 'Off',
                    'external_notifier': True,
                    'nics': [{'mac': self.mac(one), 'ip': '127.0.0.1'}],
                }
                for one in self.uuids
            ],
            'SUSHY_EMULATOR_STATE_DIR': str(self.directory),
            'EXTERNAL_NOTIFICATION_URL': self.agents.url,
        }
        path = self.directory / 'emulator.conf'
        lines = [f'{name} = {value!r}' for name, value in settings.items()]
        path.write_text('\n'.join(lines))
        argv = '-m', 'laboratory.hardware.emulator', str(path)
        port = self.endpoint.rpartition(':')[2]
        emulator = self.process('emulator', sys.executable, *argv, port)
        url = f'{self.endpoint}/redfish/v1/'
        self.launch(emulator, lambda: api.answers(url), 'answer')

    def stop(self) -> None:
        super().stop()
        self.agents.__exit__()

    @staticmethod
    def mac(machine: str) -> str:
        return ':'.join(('52', *(machine[i : i + 2] for i in (0, 2, 4, 6, 9))))

    def options(self) -> configuration.Options:
        """Tell what an Ironic needs that takes care of these machines."""
        default: dict[str, object] = {'enabled_hardware_types': 'redfish'}
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
        files = {name: f'file://{self.directory}/{name}' for name in _FILES}
        return {
            'uuid': machine,
            'driver': 'redfish',
            'driver_info': {
                'redfish_address': self.endpoint,
                'redfish_system_id': f'/redfish/v1/Systems/{machine}',
                **files,
            },
            'properties': {'cpu_arch': 'x86_64'},
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

    def _press(self, machine: str, what: str) -> None:
        """Press a button of a machine."""
        url = f'{self.endpoint}/redfish/v1/Systems/{machine}'
        with requests.Session() as session:
            session.trust_env = False
            session.post(
                f'{url}/Actions/ComputerSystem.Reset',
                json={'ResetType': what},
                timeout=30,
            ).raise_for_status()

    def _report(self, system: dict[str, Any]) -> None:
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
        if 'ipa-inspection-callback-url' in path.read_text():
            found = self._inventory(machine)
            agent.first = functools.partial(agent.inspect, found)
        self.agents.later(_BOOT_SECONDS, agent.start)

    def _inventory(self, machine: str) -> dict[str, Any]:
        mac = self.mac(machine)
        port = {'name': 'eth0', 'mac_address': mac, 'has_carrier': True}
        return {
            'interfaces': [{**port, 'ipv4_address': '192.0.2.1'}],
            'cpu': {'count': 2, 'architecture': 'x86_64'},
            'memory': {'physical_mb': 4096},
            'disks': [{'name': '/dev/sda', 'size': 2**34}],
            'boot': {'current_boot_mode': 'uefi', 'pxe_interface': mac},
            'bmc_address': '',
        }
