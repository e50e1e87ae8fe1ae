# SPDX-License-Identifier: Apache-2.0
"""Ironic's provision state machine as data.

Made by ``tools/generate_machine.py``; do not edit by hand. It is the union
of the releases named in :data:`RELEASES`.
"""

RELEASES: tuple[str, ...] = (
    '24.1.5',
    '26.1.6',
    '29.0.6',
    '32.1.0',
    '35.1.0',
    '39.0.0',
)

STABLE: tuple[str, ...] = (
    'active',
    'available',
    'enroll',
    'error',
    'manageable',
    'rescue',
)

UNSTABLE: tuple[str, ...] = (
    'adopting',
    'clean wait',
    'cleaning',
    'deleting',
    'deploying',
    'inspect wait',
    'inspecting',
    'rescue wait',
    'rescuing',
    'service wait',
    'servicing',
    'unrescuing',
    'verifying',
    'wait call-back',
)

TARGETS: dict[str, tuple[str | None, ...]] = {
    'active': (None,),
    'adopt failed': ('active',),
    'adopting': ('active',),
    'available': (None,),
    'clean failed': ('available',),
    'clean hold': ('available',),
    'clean wait': ('available',),
    'cleaning': ('available',),
    'deleting': ('available',),
    'deploy failed': ('active',),
    'deploy hold': ('active',),
    'deploying': ('active',),
    'enroll': (None,),
    'error': (None,),
    'inspect failed': ('manageable',),
    'inspect wait': ('manageable',),
    'inspecting': ('manageable',),
    'manageable': (None,),
    'rescue': (None,),
    'rescue failed': ('rescue',),
    'rescue wait': ('rescue',),
    'rescuing': ('rescue',),
    'service failed': ('active',),
    'service hold': ('active',),
    'service wait': ('active',),
    'servicing': ('active',),
    'unrescue failed': ('active',),
    'unrescuing': ('active',),
    'verifying': ('manageable',),
    'wait call-back': ('active',),
}

TRANSITIONS: dict[str, dict[str, tuple[str, ...]]] = {
    'active': {
        'delete': ('deleting',),
        'rebuild': ('deploying',),
        'rescue': ('rescuing',),
        'service': ('servicing',),
    },
    'adopt failed': {
        'adopt': ('adopting',),
        'manage': ('manageable',),
    },
    'adopting': {
        'done': ('active',),
        'fail': ('adopt failed',),
    },
    'available': {
        'deploy': ('deploying',),
        'manage': ('manageable',),
    },
    'clean failed': {
        'manage': ('manageable',),
    },
    'clean hold': {
        'abort': ('clean failed',),
        'unhold': ('clean wait',),
    },
    'clean wait': {
        'abort': ('clean failed',),
        'fail': ('clean failed',),
        'hold': ('clean hold',),
        'resume': ('cleaning',),
    },
    'cleaning': {
        'done': ('available',),
        'fail': ('clean failed',),
        'hold': ('clean hold',),
        'manage': ('manageable',),
        'wait': ('clean wait',),
    },
    'deleting': {
        'clean': ('cleaning',),
        'fail': ('error',),
    },
    'deploy failed': {
        'delete': ('deleting',),
        'deploy': ('deploying',),
        'rebuild': ('deploying',),
    },
    'deploy hold': {
        'abort': ('deploy failed',),
        'unhold': ('wait call-back',),
    },
    'deploying': {
        'done': ('active',),
        'fail': ('deploy failed',),
        'hold': ('deploy hold',),
        'wait': ('wait call-back',),
    },
    'enroll': {
        'manage': ('verifying',),
    },
    'error': {
        'delete': ('deleting',),
        'rebuild': ('deploying',),
    },
    'inspect failed': {
        'inspect': ('inspecting',),
        'manage': ('manageable',),
    },
    'inspect wait': {
        'abort': ('inspect failed',),
        'done': ('manageable',),
        'fail': ('inspect failed',),
        'resume': ('inspecting',),
    },
    'inspecting': {
        'done': ('manageable',),
        'fail': ('inspect failed',),
        'wait': ('inspect wait',),
    },
    'manageable': {
        'adopt': ('adopting',),
        'clean': ('cleaning',),
        'inspect': ('inspecting',),
        'provide': ('cleaning',),
    },
    'rescue': {
        'delete': ('deleting',),
        'rescue': ('rescuing',),
        'unrescue': ('unrescuing',),
    },
    'rescue failed': {
        'delete': ('deleting',),
        'rescue': ('rescuing',),
        'unrescue': ('unrescuing',),
    },
    'rescue wait': {
        'abort': ('rescue failed',),
        'delete': ('deleting',),
        'fail': ('rescue failed',),
        'resume': ('rescuing',),
    },
    'rescuing': {
        'done': ('rescue',),
        'fail': ('rescue failed',),
        'wait': ('rescue wait',),
    },
    'service failed': {
        'abort': ('active',),
        'delete': ('deleting',),
        'hold': ('service hold',),
        'rescue': ('rescuing',),
        'service': ('servicing',),
        'wait': ('service wait',),
    },
    'service hold': {
        'abort': ('service failed',),
        'fail': ('service failed',),
        'service': ('servicing',),
        'unhold': ('service wait',),
    },
    'service wait': {
        'abort': ('service failed',),
        'delete': ('deleting',),
        'fail': ('service failed',),
        'hold': ('service hold',),
        'resume': ('servicing',),
    },
    'servicing': {
        'done': ('active',),
        'fail': ('service failed',),
        'hold': ('service hold',),
        'wait': ('service wait',),
    },
    'unrescue failed': {
        'delete': ('deleting',),
        'rescue': ('rescuing',),
        'unrescue': ('unrescuing',),
    },
    'unrescuing': {
        'done': ('active',),
        'fail': ('unrescue failed',),
    },
    'verifying': {
        'done': ('manageable',),
        'fail': ('enroll',),
    },
    'wait call-back': {
        'abort': ('deploy failed',),
        'delete': ('deleting',),
        'fail': ('deploy failed',),
        'hold': ('deploy hold',),
        'resume': ('deploying',),
    },
}
