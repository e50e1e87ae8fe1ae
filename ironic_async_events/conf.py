# SPDX-License-Identifier: Apache-2.0
"""Options of the ``[async_events]`` group of ironic.conf."""

from oslo_config import cfg
from oslo_log import log as logging

from ironic_async_events import exceptions

LOG = logging.getLogger(__name__)

DEFAULT_START_TIMEOUT = 30.0

REPAIRS = ('locks', 'pool', 'orphans')

GROUP = cfg.OptGroup(
    'async_events',
    title='Provision state changes that are made by the worker',
)

OPTS = [
    cfg.StrOpt(
        'task_manager',
        default='drop_in',
        help='Task manager of the conductor, by its name in the entry point '
        'namespace "ironic_async_events.task_manager". "drop_in" '
        'understands the calls that today\'s Ironic makes. "native" is for '
        'an Ironic that makes no calls with callbacks; any other refuses to '
        'start with it. A site can register a class of its own.',
    ),
    cfg.ListOpt(
        'repairs',
        item_type=cfg.types.String(choices=REPAIRS),
        default=list(REPAIRS),
        help='Repairs of the conductor that have nothing to do with the '
        'order of notifications. "locks": a task releases its own lock only, '
        'and a lock is released when the database is back; without it an '
        'error of the database can leave a node locked until the conductor '
        'is restarted. "pool": a pool of workers takes work again after a '
        'shortage of threads or workers; without it a conductor on native '
        'threads can refuse every request until it is restarted. "orphans": '
        'a node of a dead conductor that could not be taken over is found '
        'again by the next pass; without it the node keeps its state for '
        'good. A repair that does not fit the installed Ironic is left out '
        'with a warning.',
    ),
    cfg.FloatOpt(
        'start_timeout',
        default=DEFAULT_START_TIMEOUT,
        min=0.0,
        mutable=True,
        help='How long (in seconds) a request waits until the worker that '
        'it started has saved the new provision state. It is answered with '
        '"202 Accepted" as soon as that is done, so that whoever asks next '
        'sees the new state; or when this time is over. 0 means not to '
        'wait: then a client can still see the old state after the answer.',
    ),
    cfg.BoolOpt(
        'sequence_notifications',
        default=False,
        mutable=True,
        help='Send a "baremetal.node.provision_event" notification after '
        'each "baremetal.node.provision_set", with a number that has no '
        'gaps for each node and with the operation that it belongs to. The '
        'number is kept in the driver_internal_info of the node.',
    ),
    cfg.FloatOpt(
        'outbox_lease',
        default=10.0,
        min=1.0,
        help='How long (in seconds) a conductor may relay the messages of '
        'the outbox without asking the database for more time. When it '
        'dies, another takes over within this time.',
    ),
    cfg.FloatOpt(
        'outbox_poll_interval',
        default=0.05,
        min=0.01,
        help='How often (in seconds) the conductor that relays looks for '
        'messages that other processes have stored. It learns at once of '
        'its own.',
    ),
    cfg.IntOpt(
        'outbox_batch',
        default=200,
        min=1,
        max=1000,
        help='How many messages of the outbox are read, and deleted, at '
        'once. After a crash at most as many are published again.',
    ),
    cfg.IntOpt(
        'outbox_lanes',
        default=4,
        min=1,
        max=32,
        help='How many messages of the outbox are published at the same '
        'time at most, each over a connection of its own, which is made when '
        'it is needed. Messages about one node are published one after the '
        'other all the same.',
    ),
    cfg.FloatOpt(
        'outbox_set_aside_after',
        default=300.0,
        min=1.0,
        help='How long (in seconds) a message of the outbox is refused by '
        'the message bus, while the bus takes others, before it is set '
        'aside. Time in which no message passes does not count. This should '
        'be longer than the bus needs to elect a leader.',
    ),
    cfg.FloatOpt(
        'outbox_drain_timeout',
        default=5.0,
        min=0.0,
        help='How long (in seconds) a conductor that shuts down goes on to '
        'publish the messages of the outbox. What is left stays there.',
    ),
    cfg.FloatOpt(
        'outbox_watch_interval',
        default=15.0,
        min=1.0,
        help='How often (in seconds) backlog and age of the outbox are '
        'compared with the thresholds and sent as gauges.',
    ),
    cfg.ListOpt(
        'outbox_backlog_thresholds',
        item_type=cfg.types.Integer(min=1),
        default=[1000, 10000, 100000, 1000000],
        help='A warning is logged when this many messages wait in the outbox.',
    ),
    cfg.ListOpt(
        'outbox_age_thresholds',
        item_type=cfg.types.Integer(min=1),
        default=[60, 600, 3600],
        help='A warning is logged when the oldest message in the outbox has '
        'been waiting for this many seconds.',
    ),
]


def register(conf: cfg.ConfigOpts) -> None:
    """Register the options; registering them again does nothing.

    :param conf: the configuration of the Ironic service
    """
    conf.register_group(GROUP)
    conf.register_opts(OPTS, group=GROUP)


def check(conf: cfg.ConfigOpts) -> None:
    """Read every option once, so that a bad value is found at the start.

    :param conf: a configuration in which the options are registered
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


def start_timeout(conf: cfg.ConfigOpts) -> float:
    """Return how long a request waits for its worker, in seconds.

    Never raises: the node is locked when it is called, and a configuration
    that was reloaded can hold anything.

    :param conf: a configuration in which the options are registered
    """
    try:
        return float(conf[GROUP.name].start_timeout)
    except ValueError as e:
        LOG.error(
            '[%s] start_timeout in the configuration cannot be used, its '
            'default is: %s',
            GROUP.name,
            e,
        )
        return DEFAULT_START_TIMEOUT


def list_opts() -> list[tuple[cfg.OptGroup, list[cfg.Opt]]]:
    """Return the options for oslo-config-generator and the documentation.

    :returns: pairs of a group and its options
    """
    return [(GROUP, OPTS)]
