# SPDX-License-Identifier: Apache-2.0
"""What becomes of a node whose worker cannot be started.

``cases`` is the table of operations, ``causes`` says what keeps the worker
from starting, ``base`` runs one of each against Ironic's own conductor and
database, ``outcome`` judges the node afterwards.
"""
