# SPDX-License-Identifier: Apache-2.0
"""Audit of provision-state notifications: a pure core.

Nothing here imports Ironic, oslo or anything else outside the standard
library, and nothing does I/O: callers bring messages and print results.

The way through it::

    from ironic_async_events.audit import observation, rules

    seen = observation.observe(message)  # dict -> Observation, ...
    checker = rules.Checker(unfinished_after=3600)
    violations = checker.add(seen)  # as messages come in
    violations = checker.finish()  # when no more will come
"""
