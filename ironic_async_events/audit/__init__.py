# SPDX-License-Identifier: Apache-2.0
"""Check that provision-state notifications are complete and in order.

A pure core: it imports only the standard library and does no I/O. Callers
read messages and print results::

    from ironic_async_events.audit import observation, rules

    seen = observation.observe(message)  # dict -> Observation, ...
    checker = rules.Checker(unfinished_after=3600)
    violations = checker.add(seen)  # for each message
    violations = checker.finish()  # after the last message
"""
