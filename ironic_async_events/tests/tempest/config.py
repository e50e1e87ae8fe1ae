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
    cfg.IntOpt(
        'workers',
        default=0,
        min=0,
        help='How many workers the conductor has, if they are so few, and '
        'the fake driver so slow, that the tests can use them up; 0 to '
        'skip the tests that do so.',
    ),
]
