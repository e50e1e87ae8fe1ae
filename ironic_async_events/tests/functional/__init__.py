# SPDX-License-Identifier: Apache-2.0
"""Tests on a real Ironic service."""

# First of all: it chooses the service backend, which can be done only once.
import ironic.tests.unit  # noqa: F401
