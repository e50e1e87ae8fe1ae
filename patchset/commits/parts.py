# SPDX-License-Identifier: Apache-2.0
"""Which part of the plugin goes into which commit."""

from collections.abc import Mapping

from patchset.edit import plugin

#: What Ironic never gets: the numbers of the plugin's own notification, and
#: the repair of turns.
_PLUGINS_OWN = frozenset(
    (
        '_TURN',
        '_WORKING',
        '_here',
        '_mark',
        '_number',
        '_opened',
        'is_open',
        'objects',
        'sequence',
        'sequence_notifications',
        'turn',
    )
)

#: What comes with the commit that takes requests back.
TAKING_BACK = frozenset(
    (
        '_Attempt',
        '_INSPECTION',
        '_WRITTEN',
        '_refusal_event_type',
        '_snapshot',
        '_take_back',
        'event_type',
        'hide_parameters',
        'snapshot',
        'take_back',
        'transaction',
    )
)

_SAY: Mapping[str, Mapping[str, str]] = {
    'step': {
        "Send Ironic's notification, and the numbered one if configured.": (
            'Send the notification.'
        ),
        "Write Ironic's log line and wake": 'Write the log line and wake',
        '\nCONF = cfg.CONF\n': '',
    },
    'database': {
        '# Ironic raises it when SQLite': '# It is raised when SQLite',
        'Ironic itself writes these errors to the log and sends them': (
            'These errors are written to the log and sent'
        ),
        'with _opened(), turn(), api.': 'with api.',
        "Ironic's session": 'the session',
    },
    'refusal': {
        'Return the type that Ironic gives to the record of a refused '
        'request.': 'Return the type of the history record of a request.',
        '; Ironic shortens a long one': '; a long one is shortened there',
    },
    'callbacks': {
        'because Ironic logs the name of the callback. The\n    callback': (
            'because the log names the callback, which\n   '
        ),
        'but Ironic logs the name\n        of a callback that it could': (
            'but the log names a\n        callback that could'
        ),
    },
}


# Until a state is saved by one UPDATE.
_SAVES_THE_NODE: Mapping[str, str] = {
    'from ironic_async_events.task import saving\n': '',
    'saving.changed_fields(self._node)': 'self._node.obj_what_changed()',
    """\
        if 'provision_state' in self._clean:
            saving.save(self._node, self._before['provision_state'])
        else:
            saving.save_as_ironic_does(self._node)
""": """\
        self._node.save()
""",
}


def _source(
    name: str, *omit: str, say: Mapping[str, str] | None = None
) -> plugin.Source:
    return plugin.Source(
        name,
        {*_PLUGINS_OWN, *omit},
        {**_SAY.get(name, {}), **(say or {})},
    )


MODULES_OF_SPAWN = (
    _source('callbacks'),
    _source(
        'database',
        *TAKING_BACK,
        say={
            'database errors, and hide the parameters of statements': (
                'errors of the database'
            ),
        },
    ),
    _source('delivery'),
    _source('handover'),
    _source('refusal', *TAKING_BACK),
    _source('step', say=_SAVES_THE_NODE),
)

MODULES_OF_TAKING_BACK = (
    _source('database'),
    _source('refusal'),
    _source('snapshot'),
)

# Not _source(): it mentions ironic.objects.
ORPHANS = plugin.Source(
    'orphans', (), {"Ironic's database API": 'the database API'}
)

MODULES_OF_SAVING = (
    # Not _source(): it mentions ironic.objects.
    plugin.Source(
        'saving',
        {'FUNCTIONS', 'is_known', 'known', 'save_as_ironic_does'},
        {
            ' statements  # configures the database': ' statements',
            """\
    if not (is_plain(node) and is_known(node)):
        save_as_ironic_does(node)
""": """\
    if not is_plain(node):
        node.save()
""",
        },
    ),
    _source(
        'statements',
        '_NODE_AND_TRAITS',
        '_TRAITS',
        '_TRAITS_OF',
        '_identity',
        '_reserve_node',
        'lock_for_writing',
        'release_node',
        'reserve_node',
        say={
            "statements on Ironic's tables that the plugin writes itself": (
                'statement that saves a state'
            ),
            "Ironic's database": 'the database',
        },
    ),
    _source(
        'step',
        say={
            'saving.save_as_ironic_does(self._node)': 'self._node.save()',
        },
    ),
)

METHODS_OF_TAKING_BACK = (
    '_lock',
    'post_process_event',
    '_refused',
    '_take_back',
    '_refusal_event_type',
)

METHODS_WITHOUT_CALLBACKS = ('process_event', '__exit__')

METHODS_OF_SPAWN = (
    '__init__',
    'stage',
    'post_process_event',
    '_process',
    '_stage_start',
    '_spawn_with',
    'spawn_after',
    '__exit__',
    '_start_operation',
    '_start_worker',
    '_thread_release_resources',
    '_write_exception',
    '_start_error',
    '_refused',
    '_call_spawn_error_hook',
)

IMPORTS_OF_SPAWN = (
    'from concurrent import futures',
    f'from {plugin.PACKAGE} import callbacks',
    f'from {plugin.PACKAGE} import database',
    f'from {plugin.PACKAGE} import delivery',
    f'from {plugin.PACKAGE} import handover',
    f'from {plugin.PACKAGE} import refusal',
    f'from {plugin.PACKAGE} import step',
)

SAY: Mapping[str, Mapping[str, str]] = {
    'base': {
        "        # What Ironic's own spawn_after() does, but that refuses a "
        'keyword\n        # with the name of its parameter.\n': '',
    },
    'native': {
        'with which the work starts; see\n            '
        ':meth:`ironic_async_events.task.base.BaseTaskManager.start`': (
            'with which the work starts: the state\n            machine '
            'advances now, the worker saves the state'
        ),
    },
}
