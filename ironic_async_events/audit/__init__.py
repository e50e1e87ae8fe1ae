# SPDX-License-Identifier: Apache-2.0
"""Check that provision-state notifications are complete and in order.

A pure core: it imports only the standard library and does no I/O. A message
passes :func:`observation.observe` and :meth:`rules.Checker.add`.
"""
