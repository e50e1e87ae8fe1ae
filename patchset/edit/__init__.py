# SPDX-License-Identifier: Apache-2.0
"""Changes to Python sources: of the plugin's, and of Ironic's."""
