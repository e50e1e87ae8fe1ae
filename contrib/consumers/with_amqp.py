#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Print each change of a provision state, in order, with plain AMQP (kombu).

with_amqp.py amqp://user:password@host:5672// my-queue
"""

import collections
import json
import sys

import kombu
from kombu import mixins

# Passive: Ironic declares the exchange, when it sends its first notification.
# Had a consumer declared it in another way, Ironic could not send.
EXCHANGE = kombu.Exchange('ironic', type='topic', passive=True)


class Consumer(mixins.ConsumerMixin):
    """Takes notifications; connects again when the connection is lost."""

    def __init__(self, url, name):
        self.connection = kombu.Connection(url, heartbeat=60)
        # All priorities: "deploy failed" comes with priority ERROR. One queue,
        # which keeps the order. It is there when we come back.
        key = 'ironic_versioned_notifications.*'
        self.queue = kombu.Queue(name, EXCHANGE, routing_key=key, durable=True)
        # In memory: keep them with your data if a restart must not repeat.
        self.seen = collections.deque(maxlen=10000)

    def get_consumers(self, Consumer, channel):
        return [Consumer(self.queue, on_message=self.take, prefetch_count=100)]

    def take(self, message):
        sent = json.loads(json.loads(message.body)['oslo.message'])
        is_new = sent['message_id'] not in self.seen
        if is_new and '.provision_set.' in sent['event_type']:
            node = sent['payload']['ironic_object.data']
            before = node['previous_provision_state']
            change = f'{before} -> {node["provision_state"]}'
            print(node['uuid'], node['event'], change, flush=True)
        self.seen.append(sent['message_id'])
        message.ack()  # last: what is not acknowledged comes again


Consumer(*sys.argv[1:]).run()
