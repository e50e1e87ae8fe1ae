# SPDX-License-Identifier: Apache-2.0
"""The table: every place where the conductor asks for a worker.

One :class:`Case` is one operation from one starting state. The table is
data; what it does not say is the same for every case (see ``base``).
"""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
import dataclasses
import datetime
from typing import Any

import oslo_messaging

#: Long enough ago for each of Ironic's time-outs.
LONG_AGO = datetime.datetime(2001, 2, 3, 4, 5, 6)
#: The conductor that went away while it held an orphan's lock.
DEAD_CONDUCTOR = 'dead-host'
AGENT_URL = 'https://192.0.2.7:9999'
AGENT_TOKEN = 'a-token'
_STEP = {
    'interface': 'deploy',
    'step': 'a_step',
    'priority': 10,
    'abortable': True,
}

#: What a node in a provision state has as its target and needs besides.
_TARGETS = {
    'deploying': 'active',
    'wait call-back': 'active',
    'deploy hold': 'active',
    'deploy failed': 'active',
    'error': 'available',
    'rescue wait': 'rescue',
    'rescue failed': 'rescue',
    'unrescue failed': 'active',
    'service wait': 'active',
    'service hold': 'active',
    'service failed': 'active',
    'inspect wait': 'manageable',
    'inspect failed': 'manageable',
    'adopt failed': 'active',
    'cleaning': 'available',
    'clean wait': 'available',
    'clean hold': 'available',
}
_NEEDS: dict[str, dict[str, Any]] = {
    'wait call-back': {'deploy_step': _STEP},
    'deploy hold': {'deploy_step': _STEP},
    'deploying': {'deploy_step': _STEP},
    'clean wait': {'clean_step': _STEP},
    'clean hold': {'clean_step': _STEP},
    'cleaning': {'clean_step': _STEP},
    'service wait': {'service_step': _STEP},
    'service hold': {'service_step': _STEP},
    'inspect wait': {'inspection_started_at': LONG_AGO},
    'rescue wait': {
        'instance_info': {
            'rescue_password': 'secret',
            'hashed_rescue_password': 'hashed secret',
        }
    },
}
_WITHOUT_INSTANCE = frozenset(
    ('available', 'manageable', 'enroll', 'inspect failed', 'inspect wait')
)
_IMAGE = {
    # A kernel and a ramdisk spare Ironic from looking at the image.
    'image_source': 'http://192.0.2.1/image',
    'kernel': 'http://192.0.2.1/kernel',
    'ramdisk': 'http://192.0.2.1/ramdisk',
    'project_id': 'the-tenant',
}

Request = Callable[[Any, Any, str], object]
"""What is called: a function of the manager, the context, the node's UUID."""


@dataclasses.dataclass(frozen=True)
class Case:
    """One operation from one starting state.

    :param operation: name of the operation, as in the table.
    :param state: provision state in which it is asked for.
    :param method: the method of Ironic's ConductorManager that it goes
        through. A release without it has no such case.
    :param request: makes the request.
    :param target: the node's target provision state, if not the usual one.
    :param node: fields of the node on top of what its state needs.
    :param options: configuration options, as (group, option, value).
    :param staged: whether the provision state changes before the worker
        starts. Otherwise there is no save of the state that could fail.
    :param periodic: whether it is a periodic pass, which has no caller, and
        has to find the node again.
    """

    operation: str
    state: str
    method: str
    request: Request
    target: str | None = None
    node: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    options: tuple[tuple[str, str, Any], ...] = ()
    staged: bool = True
    periodic: bool = False

    @property
    def name(self) -> str:
        """The case in words; unique in the table."""
        name = f'{self.operation} from {self.state}'
        if self.target is not None:
            name += f' (target {self.target})'
        return name

    @property
    def cast(self) -> bool:
        """Whether nobody waits for an answer, and so nobody asks again."""
        return self.method.startswith('continue_node_')

    def error(
        self, manager: Any, context: Any, uuid: str
    ) -> BaseException | None:
        """Make the request.

        Called by its RPC thread.

        :param manager: Ironic's ``ConductorManager``.
        :param context: of the request.
        :param uuid: of the node.
        :returns: the error that its caller gets, if any.
        """
        try:
            self.request(manager, context, uuid)
        except oslo_messaging.ExpectedException as e:
            error: BaseException = e.exc_info[1]
            return error
        except Exception as e:
            return e
        return None

    def fields(self) -> dict[str, Any]:
        """The fields of the node that this case starts with.

        :returns: keyword arguments for Ironic's ``create_test_node``.
        """
        fields: dict[str, Any] = {
            'provision_state': self.state,
            'target_provision_state': (
                self.target or _TARGETS.get(self.state)
            ),
            'provision_updated_at': LONG_AGO,
            'power_state': 'power off',
            'instance_info': dict(_IMAGE),
            'driver_internal_info': {
                'agent_url': AGENT_URL,
                'agent_secret_token': AGENT_TOKEN,
                'agent_version': '11.0.0',
                'clean_steps': [_STEP],
                'deploy_steps': [_STEP],
                'service_steps': [_STEP],
            },
            'properties': {'cpu_arch': 'x86_64', 'local_gb': 10},
            'last_error': 'an earlier error',
        }
        if self.state not in _WITHOUT_INSTANCE:
            fields['instance_uuid'] = 'aaaaaaaa-0000-4000-8000-000000000000'
        for key, value in {**_NEEDS.get(self.state, {}), **self.node}.items():
            if key in ('instance_info', 'driver_internal_info'):
                value = {**fields[key], **value}
            fields[key] = value
        return fields


def _rpc(method: str, *args: Any, **kwargs: Any) -> Request:
    def request(manager: Any, context: Any, uuid: str) -> object:
        return getattr(manager, method)(context, uuid, *args, **kwargs)

    return request


def _pass(method: str) -> Request:
    def request(manager: Any, context: Any, uuid: str) -> object:
        return getattr(manager, method)(context)

    return request


def _cases(
    operation: str, states: str, method: str, *args: Any, **kwargs: Any
) -> Iterator[Case]:
    """Yield one case for each of the states, which commas separate.

    A target state stands behind a slash: ``clean wait/manageable``.
    """
    case = {
        key: kwargs.pop(key)
        for key in ('node', 'options', 'staged', 'periodic')
        if key in kwargs
    }
    make = _pass if case.get('periodic') else _rpc
    for each in states.split(', '):
        state, _, target = each.partition('/')
        yield Case(
            operation,
            state,
            method,
            make(method, *args, **kwargs),
            target=target or None,
            **case,
        )


def _action(action: str, states: str) -> Iterator[Case]:
    return _cases(action, states, 'do_provisioning_action', action)


def _time_out(states: str, method: str) -> Iterator[Case]:
    return _cases('time-out', states, method, periodic=True)


_EITHER = '{0}/available, {0}/manageable'
_DISCOVERY = (('auto_discovery', 'enabled', True),)


def _table() -> Iterator[Case]:
    yield from _cases('deploy', 'available, deploy failed', 'do_node_deploy')
    yield from _cases(
        'rebuild',
        'active, error, deploy failed',
        'do_node_deploy',
        rebuild=True,
    )
    yield from _cases(
        'tear down',
        'active, error, rescue, wait call-back, deploy failed, rescue wait, '
        'rescue failed, unrescue failed, service wait, service failed',
        'do_node_tear_down',
    )
    yield from _cases('manual clean', 'manageable', 'do_node_clean', [_STEP])
    yield from _cases(
        'continue clean', _EITHER.format('clean wait'), 'continue_node_clean'
    )
    yield from _cases(
        'continue deploy', 'wait call-back', 'continue_node_deploy'
    )
    yield from _cases(
        'continue deploy', 'deploying', 'continue_node_deploy', staged=False
    )
    yield from _cases(
        'continue service', 'service wait', 'continue_node_service'
    )
    yield from _cases(
        'rescue',
        'active, rescue, rescue failed, unrescue failed, service failed',
        'do_node_rescue',
        'a password',
    )
    yield from _cases(
        'unrescue',
        'rescue, rescue failed, unrescue failed',
        'do_node_unrescue',
    )
    yield from _cases(
        'inspect', 'manageable, inspect failed', 'inspect_hardware'
    )
    yield from _cases(
        'continue inspection', 'inspect wait', 'continue_inspection', {}, {}
    )
    yield from _cases(
        'continue inspection',
        'enroll',
        'continue_inspection',
        {},
        {},
        options=_DISCOVERY,
        staged=False,
    )
    yield from _cases(
        'service', 'active, service failed', 'do_node_service', [_STEP]
    )
    yield from _action('unhold', 'service hold')
    yield from _action('provide', 'manageable')
    yield from _action('manage', 'enroll')
    yield from _action('adopt', 'manageable, adopt failed')
    yield from _action('abort', _EITHER.format('clean wait'))
    yield from _action('abort', _EITHER.format('clean hold'))
    yield from _action('abort', 'rescue wait')
    yield from _action('abort', 'wait call-back, deploy hold')
    yield from _action('abort', 'service wait, service hold')
    yield from _action('abort', 'service failed')
    yield from _time_out('wait call-back', '_check_deploy_timeouts')
    yield from _time_out(
        _EITHER.format('clean wait'), '_check_cleanwait_timeouts'
    )
    yield from _time_out('rescue wait', '_check_rescuewait_timeouts')
    yield from _time_out('service wait', '_check_servicewait_timeouts')
    yield from _time_out('inspect wait', '_check_inspect_wait_timeouts')
    yield from _cases(
        'orphan take-over',
        'deploying, ' + _EITHER.format('cleaning'),
        '_check_orphan_nodes',
        node={'reservation': DEAD_CONDUCTOR},
        periodic=True,
    )
    for operation, state in (
        ('power on', 'power on'),
        ('reboot', 'rebooting'),
    ):
        yield from _cases(
            operation,
            'available, active',
            'change_node_power_state',
            state,
            staged=False,
        )
    yield from _cases(
        'boot mode', 'active', 'change_node_boot_mode', 'uefi', staged=False
    )
    yield from _cases(
        'secure boot', 'active', 'change_node_secure_boot', True, staged=False
    )
    yield from _cases(
        'attach virtual media',
        'active',
        'attach_virtual_media',
        'cdrom',
        'http://192.0.2.1/image.iso',
        staged=False,
    )
    yield from _cases(
        'detach virtual media',
        'active',
        'detach_virtual_media',
        ['cdrom'],
        staged=False,
    )
    yield Case(
        'vendor passthru',
        'active',
        'vendor_passthru',
        # The conductor writes into the information: a new one each time.
        lambda manager, context, uuid: manager.vendor_passthru(
            context, uuid, 'second_method', 'POST', {'bar': 'baz'}
        ),
        staged=False,
    )
    yield from _cases(
        'console', 'active', 'set_console_mode', True, staged=False
    )
    yield from _cases(
        'heartbeat',
        'wait call-back',
        'heartbeat',
        AGENT_URL,
        agent_version='11.0.0',
        agent_token=AGENT_TOKEN,
        staged=False,
    )


CASES = tuple(_table())
"""Every case, in the order of the table."""
