# SPDX-License-Identifier: Apache-2.0
"""Transactional outbox: notifications go through Ironic's database.

A transition and its notification are committed in one transaction; a relay
publishes the stored messages in order, and deletes those that the bus has
confirmed. The way of a message::

    driver -> transaction -> store.put            in the worker
    relay_thread -> relay -> lanes -> publisher   in the relay's thread

One relay publishes in the whole cluster: ``lease``. Refused messages:
``judging``, ``suspects``. Statements: ``store``; tables: ``schema``.
"""
