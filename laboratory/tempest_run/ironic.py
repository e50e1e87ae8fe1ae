# SPDX-License-Identifier: Apache-2.0
"""An Ironic that asks keystone who is there."""

from collections.abc import Mapping
import pathlib
from typing import Any

from laboratory import service
from laboratory.tempest_run import keystone

# Beside the fake ones, so that tests can choose between two.
_BOTH = ('bios', 'console', 'inspect', 'raid', 'rescue', 'vendor')

#: Interfaces of this package whose operations wait.
WAITING = 'async-events-waiting'


def options(identity: keystone.Keystone) -> dict[str, dict[str, object]]:
    """Compose what Ironic is told beside the laboratory's configuration.

    :param identity: the keystone to ask.
    :returns: groups of options.
    """
    default: dict[str, object] = {'auth_strategy': 'keystone'}
    for interface in _BOTH:
        default[f'enabled_{interface}_interfaces'] = f'fake,no-{interface}'
    for interface in ('deploy', 'inspect', 'rescue', 'vendor'):
        name = f'enabled_{interface}_interfaces'
        default[name] = f'{default.get(name, "fake")},{WAITING}'
    default['enabled_firmware_interfaces'] = 'fake,no-firmware'
    default['enabled_management_interfaces'] = 'fake,noop'
    default['enabled_storage_interfaces'] = 'fake,noop'
    credentials = {
        'auth_type': 'password',
        'auth_url': identity.url,
        'username': 'ironic',
        'password': keystone.PASSWORD,
        'project_name': 'service',
        'user_domain_name': keystone.DOMAIN,
        'project_domain_name': keystone.DOMAIN,
        'region_name': keystone.REGION,
    }
    return {
        'DEFAULT': default,
        'keystone_authtoken': {
            **credentials,
            'www_authenticate_uri': identity.url,
            'service_token_roles_required': True,
        },
        'service_catalog': credentials,
    }


class Ironic(service.Ironic):
    """The laboratory's Ironic, asked with a token.

    :param directory: an existing directory for everything it writes.
    :param plugin: whether the plugin's driver line is in ``ironic.conf``.
    :param database: the URL of a database.
    :param identity: a keystone that serves.
    :param transport: the URL of a message bus to publish to, beside the
        recording.
    """

    def __init__(
        self,
        directory: pathlib.Path,
        *,
        plugin: bool,
        database: str,
        identity: keystone.Keystone,
        transport: str = '',
    ) -> None:
        super().__init__(
            directory,
            plugin=plugin,
            database=database,
            transport=transport,
            options=options(identity),
        )
        drivers: Any = self.options['oslo_messaging_notifications']['driver']
        if transport:
            drivers.append('async_events_recorder')
        self._identity = identity
        self._token = ''

    def headers(self) -> Mapping[str, str]:
        """Return what goes with each request, a token included."""
        if not self._token:
            with self._identity.connect(system=True) as cloud:
                self._token = cloud.auth_token
        return {'X-Auth-Token': self._token}
