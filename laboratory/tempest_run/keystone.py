# SPDX-License-Identifier: Apache-2.0
"""Start and stop a keystone on loopback that knows an Ironic."""

import getpass
import grp
import os
import pathlib

import openstack

from laboratory import api
from laboratory import configuration
from laboratory import processes

REGION = 'RegionOne'
DOMAIN = 'Default'
# Of users that live as long as a run, on loopback.
PASSWORD = 'async-events'
_INTERFACES = ('public', 'internal', 'admin')
_SERVER = pathlib.Path(__file__).with_name('keystone_server.py')


class Keystone(processes.Server):
    """A keystone in a directory of its own; a context manager."""

    def __init__(
        self, directory: pathlib.Path, commands: pathlib.Path, database: str
    ) -> None:
        super().__init__(directory)
        self.port = processes.free_port()
        self._commands = commands
        self._config = directory / 'keystone.conf'
        configuration.write(
            self._config,
            {
                'DEFAULT': {'use_stderr': True, 'debug': False},
                'database': {'connection': database},
                # What a thief would need for a hash is a test of keystone's.
                'identity': {'password_hash_rounds': 4},
                'cache': {'enabled': True, 'backend': 'dogpile.cache.memory'},
                'fernet_tokens': {'key_repository': directory / 'tokens'},
                'fernet_receipts': {'key_repository': directory / 'receipts'},
                'credential': {'key_repository': directory / 'credentials'},
            },
        )

    @property
    def url(self) -> str:
        return f'http://127.0.0.1:{self.port}/v3'

    def serve(self) -> None:
        for name in ('tokens', 'receipts', 'credentials'):
            (self.directory / name).mkdir(mode=0o700)
        self._manage('db_sync')
        group = grp.getgrgid(os.getgid()).gr_name
        for command in ('fernet_setup', 'credential_setup'):
            self._manage(
                command,
                f'--keystone-user={getpass.getuser()}',
                f'--keystone-group={group}',
            )
        self._manage(
            'bootstrap',
            f'--bootstrap-password={PASSWORD}',
            f'--bootstrap-region-id={REGION}',
            *(f'--bootstrap-{name}-url={self.url}' for name in _INTERFACES),
        )
        process = self.process(
            'keystone',
            str(self._commands / 'python'),
            # This directory has a keystone of its own.
            '-P',
            str(_SERVER),
            str(self.port),
            environment={'OS_KEYSTONE_CONFIG_FILES': str(self._config)},
        )
        self.launch(process, lambda: api.answers(self.url), 'answer')

    def connect(self, system: bool = False) -> openstack.connection.Connection:
        scope = {'system_scope': 'all'}
        if not system:
            scope = {'project_name': 'admin', 'project_domain_name': DOMAIN}
        return openstack.connect(
            load_envvars=False,
            load_yaml_config=False,
            auth={
                'auth_url': self.url,
                'username': 'admin',
                'password': PASSWORD,
                'user_domain_name': DOMAIN,
                **scope,
            },
            region_name=REGION,
        )

    def register(self, endpoint: str) -> None:
        with self.connect() as cloud:
            identity = cloud.identity
            home = {'domain_id': 'default'}
            project = identity.create_project(name='service', **home)
            user = identity.create_user(
                name='ironic',
                password=PASSWORD,
                default_project_id=project.id,
                **home,
            )
            for name in ('admin', 'service'):
                role = identity.find_role(name, ignore_missing=False)
                identity.assign_project_role_to_user(project, user, role)
            service = identity.create_service(
                name='ironic', type='baremetal', is_enabled=True
            )
            for interface in _INTERFACES:
                identity.create_endpoint(
                    service_id=service.id,
                    interface=interface,
                    region_id=REGION,
                    url=endpoint,
                )

    def _manage(self, *arguments: str) -> None:
        path = str(self._commands / 'keystone-manage')
        options = f'--config-file={self._config}', *arguments
        processes.run_once(self.process('keystone-manage', path, *options))
