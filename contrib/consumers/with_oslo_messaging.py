#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Print each change of a provision state, in order, with oslo.messaging.

    with_oslo_messaging.py rabbit://user:password@host:5672/ my-queue [FILE]

FILE is a configuration file with what Ironic has in [oslo_messaging_rabbit],
amqp_durable_queues for example: both sides must declare the same exchange.
"""

import collections
import sys

from oslo_config import cfg
import oslo_messaging


class Endpoint:
    """Takes notifications; oslo.messaging calls it."""

    def __init__(self):
        # In memory: keep them with your data if a restart must not repeat.
        self.seen = collections.deque(maxlen=10000)

    def info(self, ctxt, publisher_id, event_type, payload, metadata):
        if not event_type.startswith('baremetal.node.provision_set.'):
            return
        if metadata['message_id'] in self.seen:
            return  # sent again, by a relay of the outbox for example
        node = payload['ironic_object.data']
        before, after = (
            node['previous_provision_state'],
            node['provision_state'],
        )
        print(node['uuid'], node['event'], f'{before} -> {after}', flush=True)
        self.seen.append(metadata['message_id'])

    error = info  # "deploy failed" comes with priority ERROR


conf = cfg.ConfigOpts()
conf([], default_config_files=sys.argv[3:])
listener = oslo_messaging.get_notification_listener(
    oslo_messaging.get_notification_transport(conf, url=sys.argv[1]),
    [
        oslo_messaging.Target(
            exchange='ironic', topic='ironic_versioned_notifications'
        )
    ],
    [Endpoint()],
    pool=sys.argv[2],  # one queue for all priorities, kept while we are away
)
listener.start(override_pool_size=1)  # two threads would lose the order
listener.wait()
