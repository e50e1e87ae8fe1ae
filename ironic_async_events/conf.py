# SPDX-License-Identifier: Apache-2.0
"""Options of the ``[async_events]`` group of ironic.conf."""

from typing import Any

from oslo_config import cfg
from oslo_log import log as logging

from ironic_async_events import exceptions

LOG = logging.getLogger(__name__)

REPAIRS = (
    'locks',
    'saves',
    'turns',
    'retries',
    'pool',
    'orphans',
    'continuations',
)

GROUP = cfg.OptGroup(
    'async_events', title='Provision states that the worker saves'
)

OPTS = [
    cfg.StrOpt(
        'task_manager',
        default='drop_in',
        help='Task manager of the conductor: the name of an entry point in '
        '"ironic_async_events.task_manager". "drop_in" understands the '
        "calls of today's Ironic. A site can register its own class. "
        'Ignored by an Ironic to which the patch set of the plugin was '
        'applied.',
    ),
    cfg.ListOpt(
        'repairs',
        item_type=cfg.types.String(choices=REPAIRS),
        default=list(REPAIRS),
        help='Repairs of the conductor that are on. Leave a name out to '
        'switch its repair off. "locks": a task releases only its own lock, '
        'also after the database was away; without this repair an error '
        'of the database can leave a node locked until a restart, '
        'and a lock takes more statements. "saves": one UPDATE saves a '
        'node; without this repair it takes seven statements. "turns": '
        'threads that save nodes in SQLite wait for each other; without '
        'this repair some of them fail and try again after up to a second. '
        '"retries": a node is saved again when another writer has rolled '
        'the save back, and an operation waits while the database is away; '
        'without this repair a conflict on a Galera cluster or a lost '
        'connection can fail a request or strand a node. "pool": a pool of '
        'workers accepts work again after a shortage of threads or workers; '
        'without this repair a conductor on native threads can refuse every '
        'request until it is restarted. "orphans": when a node of a dead '
        'conductor cannot be taken over, the next pass retries; without '
        'this repair the node keeps its state until a conductor is '
        'restarted. "continuations": when there is no worker for the next '
        'step of a node, the conductor tries again; without this repair the '
        'node can wait for its time-out. A repair that does not fit the '
        'installed Ironic is left out with a warning.',
    ),
    cfg.FloatOpt(
        'start_timeout',
        default=30.0,
        min=0.0,
        mutable=True,
        help='How long (in seconds) a request waits at most until its worker '
        'has saved the new provision state. The request is answered with '
        '"202 Accepted" when the state is saved, so that the next GET shows '
        'the new state, or when this time is over. With 0 the request does '
        'not wait: a client can still see the old state after the answer.',
    ),
    cfg.BoolOpt(
        'sequence_notifications',
        default=False,
        mutable=True,
        help='Send a "baremetal.node.provision_event" notification after '
        'each "baremetal.node.provision_set". It carries a number, without '
        'gaps for each node, and the id of the operation. The number is '
        'saved in the driver_internal_info of the node.',
    ),
    cfg.FloatOpt(
        'outbox_lease',
        default=10.0,
        min=1.0,
        help='How long (in seconds) the lease of the relay lasts unless the '
        'relay renews the lease. When the conductor of the leader dies, '
        'another conductor takes over within this time.',
    ),
    cfg.FloatOpt(
        'outbox_poll_interval',
        default=0.2,
        min=0.01,
        help='How often (in seconds) the leader looks for messages of other '
        'processes. It learns at once of messages of its own process.',
    ),
    cfg.IntOpt(
        'outbox_batch',
        default=200,
        min=1,
        max=1000,
        help='How many messages the relay reads or deletes at once. After a '
        'crash the next leader repeats at most this number of messages.',
    ),
    cfg.IntOpt(
        'outbox_lanes',
        default=4,
        min=1,
        max=32,
        help='How many messages the relay publishes in parallel at most, '
        'and up to 24 more whose publication hangs. '
        'Each lane has its own connection, which is opened when it is '
        'needed. Messages about one node are never published in parallel.',
    ),
    cfg.FloatOpt(
        'outbox_set_aside_after',
        default=300.0,
        min=1.0,
        help='How long (in seconds) the relay retries a message that the '
        'bus refuses while the bus takes other messages. Then the relay '
        'sets the message aside, as a dead letter. Time in which no message '
        'passes does not count. Choose a value that is longer than the bus '
        'needs to elect a leader.',
    ),
    cfg.FloatOpt(
        'outbox_drain_timeout',
        default=5.0,
        min=0.0,
        help='How long (in seconds) the leader publishes remaining messages '
        'while its conductor shuts down. The rest stays in the outbox.',
    ),
    cfg.FloatOpt(
        'outbox_watch_interval',
        default=15.0,
        min=1.0,
        help='How often (in seconds) the leader compares backlog and age of '
        'the outbox with the thresholds and sends them as gauges.',
    ),
    cfg.ListOpt(
        'outbox_backlog_thresholds',
        item_type=cfg.types.Integer(min=1),
        default=[1000, 10000, 100000, 1000000],
        help='Log a warning when this many messages wait in the outbox.',
    ),
    cfg.ListOpt(
        'outbox_age_thresholds',
        item_type=cfg.types.Integer(min=1),
        default=[60, 600, 3600],
        help='Log a warning when the oldest message in the outbox has '
        'waited for this many seconds.',
    ),
]


def register(conf: cfg.ConfigOpts) -> None:
    """Register the options; registering them again does nothing."""
    conf.register_group(GROUP)
    conf.register_opts(OPTS, group=GROUP)


def check(conf: cfg.ConfigOpts) -> None:
    """Read every option once, so that a bad value is rejected at start.

    :raises InvalidConfiguration: when a value cannot be used
    """
    for opt in OPTS:
        try:
            conf[GROUP.name][opt.dest]
        except ValueError as e:
            raise exceptions.InvalidConfiguration(
                f'[{GROUP.name}] {opt.name} in the configuration cannot be '
                f'used: {e}'
            ) from e


def reloaded(conf: cfg.ConfigOpts, name: str) -> Any:
    """Return an option that can be reloaded, or else its default.

    Never raises: the caller holds a lock, and a reloaded configuration can
    hold any value.
    """
    try:
        return conf[GROUP.name][name]
    except ValueError as e:
        default = next(opt.default for opt in OPTS if opt.name == name)
        LOG.error(
            '[%s] %s cannot be used (%s); its default is used: %s',
            *(GROUP.name, name, e, default),
        )
        return default


def list_opts() -> list[tuple[cfg.OptGroup, list[cfg.Opt]]]:
    """Return the options for oslo-config-generator and the documentation."""
    return [(GROUP, OPTS)]
