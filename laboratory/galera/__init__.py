# SPDX-License-Identifier: Apache-2.0
"""Ironic on three Galera servers, whose services are hurt under load."""
