# SPDX-License-Identifier: Apache-2.0
"""A real Ironic, driven and watched, for demonstration, tests and benchmark.

Nothing here imports the plugin: it is switched on in the ``ironic.conf`` of
the service that the laboratory starts, as a deployment does it.
"""
