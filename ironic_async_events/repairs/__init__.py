# SPDX-License-Identifier: Apache-2.0
"""Repairs of Ironic; ``[async_events] repairs`` switches each on or off."""
