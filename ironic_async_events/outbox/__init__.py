# SPDX-License-Identifier: Apache-2.0
"""Transactional outbox: notifications go through Ironic's database.

A transition and its notification are committed in one transaction. A relay
publishes the stored messages in order, and deletes a message when the bus has
confirmed it. The way of a message::

    driver -> transaction -> store.put       in the worker
    service -> relay -> lanes -> publisher   in threads of the conductor

A lease keeps two relays apart: ``lease``. What the bus refuses: ``breaker``.
Statements: ``store``; tables: ``schema``.
"""
