# SPDX-License-Identifier: Apache-2.0
"""What the laboratory raises."""


class LaboratoryError(Exception):
    """Something the laboratory needs did not start, answer or stop."""
