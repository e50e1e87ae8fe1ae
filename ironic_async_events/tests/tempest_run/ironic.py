# SPDX-License-Identifier: Apache-2.0
"""An Ironic that asks keystone who is there."""

from collections.abc import Mapping
import json
import pathlib
import urllib.error
import urllib.request

from ironic_async_events.tests.laboratory import service
from ironic_async_events.tests.tempest_run import keystone

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
    """

    def __init__(
        self,
        directory: pathlib.Path,
        *,
        plugin: bool,
        database: str,
        identity: keystone.Keystone,
    ) -> None:
        super().__init__(
            directory,
            plugin=plugin,
            database=database,
            options=options(identity),
        )
        self._identity = identity
        self._token = ''

    def get(self, path: str) -> Mapping[str, object] | None:
        """Fetch one resource; None while the API does not answer."""
        if not self._token:
            with self._identity.connect(system=True) as cloud:
                self._token = cloud.auth_token
        request = urllib.request.Request(
            self.endpoint + path,
            headers={
                'X-Auth-Token': self._token,
                'X-OpenStack-Ironic-API-Version': '1.49',
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                body: Mapping[str, object] = json.load(answer)
                return body
        except (OSError, ValueError, urllib.error.URLError):
            return None
