# SPDX-License-Identifier: Apache-2.0
"""Options of the ``[async_events]`` group of tempest.conf."""

from oslo_config import cfg

GROUP = cfg.OptGroup('async_events', title='Provision state events of Ironic')

OPTS = [
    cfg.StrOpt(
        'recording',
        help='A file that gets one line of JSON for each notification of '
        'Ironic, in the order in which they were sent. Without it and '
        'without "amqp_url", the order of notifications is not tested.',
    ),
    cfg.StrOpt(
        'amqp_url',
        secret=True,
        help='The broker to which Ironic publishes its notifications, for '
        'example "amqp://user:password@127.0.0.1:5672//". Used when '
        '"recording" is not set; needs kombu.',
    ),
    cfg.BoolOpt(
        'waiting_interfaces',
        default=False,
        help='Whether Ironic has enabled the deploy, inspect, rescue and '
        'vendor interfaces "async-events-waiting" of this package. Without '
        'them, nothing can be aborted.',
    ),
    cfg.IntOpt(
        'workers',
        default=0,
        min=0,
        help='[conductor] workers_pool_size, if it is so small, and '
        '[fake] power_delay so long, that the tests can use all workers up; '
        '0 to skip the tests that do so.',
    ),
]
