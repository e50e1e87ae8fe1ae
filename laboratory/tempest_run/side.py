# SPDX-License-Identifier: Apache-2.0
"""One side of the comparison: databases, keystone, Ironic, tempest, audit."""

from collections.abc import Mapping
import contextlib
import dataclasses
import pathlib
import time
from typing import Any

from ironic_async_events.audit import summary
from laboratory import configuration
from laboratory import deployment
from laboratory import service
from laboratory import truth
from laboratory.tempest_run import keystone
from laboratory.tempest_run import suite

# So few workers that a test can use them up while one gets its power.
_WORKERS = 12
_STARVED = {
    'conductor': {
        'workers_pool_size': _WORKERS,
        'reserved_workers_pool_percentage': 0,
        # Ironic starts so many at once, and wants room for more.
        'sync_power_state_workers': 1,
        'periodic_max_workers': 1,
    },
    'fake': {'power_delay': 20},
}
_FEW = 'ironic_async_events.tests.tempest.tests.test_no_worker'

# Beside the fake ones, so that tests can choose between two.
_BOTH = ('bios', 'console', 'inspect', 'raid', 'rescue', 'vendor')

#: Interfaces of this package whose operations wait.
WAITING = 'async-events-waiting'


def _options(identity: keystone.Keystone) -> dict[str, dict[str, object]]:
    """Compose what Ironic is told beside the laboratory's configuration."""
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


@dataclasses.dataclass(frozen=True)
class Result:
    statuses: Mapping[str, str]
    audited: summary.Audit
    account: truth.Account
    seconds: float

    @property
    def findings(self) -> int:
        """How much is wrong; that nothing was checked is wrong as well."""
        return (
            len(self.account.rows)
            + sum(self.audited.counts.values())
            + self.audited.malformed
            + (not self.audited.checked)
        )


def run(
    plugin: bool,
    commands: Mapping[str, pathlib.Path],
    tests: str,
    over_bus: bool,
    keep: pathlib.Path | None,
    tree: pathlib.Path | None = None,
) -> Result:
    """Start everything, run tempest, stop everything, judge."""
    with contextlib.ExitStack() as stack:
        shared = stack.enter_context(deployment.servers('mariadb', over_bus))
        assert shared.database is not None
        if keep is not None:
            stack.callback(deployment.keep, shared.directory, keep)
        identity = keystone.Keystone(
            shared.room('keystone'),
            commands['keystone'],
            shared.database.another('keystone'),
        )
        stack.enter_context(identity)
        rabbit = shared.rabbitmq
        ironic = service.Ironic(
            shared.room('ironic'),
            plugin=plugin,
            database=shared.database.url,
            transport=rabbit.url if rabbit else '',
            options=_options(identity),
            environment={'PYTHONPATH': str(tree)} if tree else {},
        )
        if rabbit:
            # The audit reads the recording.
            drivers: Any = ironic.options['oslo_messaging_notifications']
            drivers['driver'].append('async_events_recorder')
        identity.register(ironic.endpoint)
        with identity.connect(system=True) as cloud:
            ironic.headers['X-Auth-Token'] = cloud.auth_token
        running = stack.enter_context(deployment.watched(ironic))
        # On stock their order is not what it should be, which is known.
        hear: dict[str, object] = {}
        if plugin or tree:
            hear = {'recording': ironic.recording}
            if rabbit:
                hear = {'amqp_url': rabbit.amqp_url}

        def play(name: str, tests: str, workers: int = 0) -> dict[str, str]:
            room, tempest = shared.room(name), commands['tempest']
            return suite.run(room, tempest, identity, hear, tests, workers)

        began = time.monotonic()
        statuses = play('tempest', tests)
        others = {k: one for k, one in statuses.items() if _FEW not in k}
        # What was skipped for its having workers enough, with too few now.
        if others != statuses:
            ironic.stop()
            ironic.options = configuration.merged(ironic.options, _STARVED)
            ironic.start()
            statuses = others | play('starved', _FEW, _WORKERS)
        seconds = time.monotonic() - began
        # A conductor that is asked to stop ends its work first.
        ironic.stop()
        audited = summary.Audit()
        for seen in running.observations():
            audited.take(seen)
        audited.finish(complete=True)
        return Result(statuses, audited, running.account(), seconds)
