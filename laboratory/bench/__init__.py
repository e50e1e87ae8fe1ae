# SPDX-License-Identifier: Apache-2.0
"""Stock Ironic, the plugin, and the plugin with the outbox, side by side.

``python -m laboratory.bench`` measures them in one run, in
turns, on the services of the laboratory.
"""
