# SPDX-License-Identifier: Apache-2.0
"""Write the ``ironic.conf`` of a service under test."""

from collections.abc import Mapping
import pathlib

Options = Mapping[str, Mapping[str, object]]
"""Group -> option -> value; a list is written as one line per value."""

# One of each interface, so that no precedence decides what is tested. What
# is not here has its default.
_FAKE = (
    'bios boot console deploy firmware inspect management power raid rescue '
    'storage vendor'
)
_INTERFACES = dict.fromkeys(_FAKE.split(), 'fake') | {'network': 'noop'}

# Periodic tasks take node locks on their own account and would turn client
# requests away. They are off on stock and with the plugin alike.
_QUIET = {
    'sync_power_state_interval': 0,
    'check_provision_state_interval': 0,
    'check_allocations_interval': 0,
    'cache_clean_up_interval': 0,
    'node_history_cleanup_batch_count': 0,
    'conductor_cleanup_interval': 0,
    'power_failure_recovery_interval': 0,
}


def base(
    directory: pathlib.Path,
    *,
    api_port: int,
    database: str,
    transport: str,
    rpc: str,
    drivers: list[str],
) -> dict[str, dict[str, object]]:
    """Compose the configuration that all services of the laboratory share.

    :param rpc: ``none``, ``json-rpc`` or ``oslo``.
    """
    default: dict[str, object] = {
        'host': 'laboratory',
        'state_path': directory,
        'auth_strategy': 'noauth',
        'rpc_transport': rpc,
        'transport_url': transport,
        'notification_level': 'info',
        'enabled_hardware_types': 'fake-hardware',
        'debug': False,
        'use_stderr': True,
    }
    for interface, name in _INTERFACES.items():
        default[f'enabled_{interface}_interfaces'] = name
        default[f'default_{interface}_interface'] = name
    return {
        'DEFAULT': default,
        'api': {'host_ip': '127.0.0.1', 'port': api_port, 'api_workers': 1},
        'conductor': dict(_QUIET),
        'database': {
            'connection': database,
            # What a power failure would cost is a test. SQLite knows no
            # queue for writers: the longer a commit takes, the more often
            # Ironic has to try again, after a pause by chance.
            'sqlite_synchronous': False,
        },
        'oslo_concurrency': {'lock_path': directory / 'locks'},
        'oslo_messaging_notifications': {'driver': drivers},
    }


def merged(
    options: dict[str, dict[str, object]], extra: Options
) -> dict[str, dict[str, object]]:
    """Lay extra options over a configuration, without changing either."""
    result = {group: dict(values) for group, values in options.items()}
    for group, values in extra.items():
        result.setdefault(group, {}).update(values)
    return result


def write(path: pathlib.Path, options: Options) -> None:
    """Write options as oslo.config reads them."""
    lines: list[str] = []
    for group, values in options.items():
        lines.append(f'[{group}]')
        for name, value in values.items():
            each = value if isinstance(value, list) else [value]
            lines += [f'{name} = {item}' for item in each]
        lines.append('')
    path.write_text('\n'.join(lines), encoding='utf-8')
