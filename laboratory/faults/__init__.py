# SPDX-License-Identifier: Apache-2.0
"""Every statement of every operation can fail.

The sweep runs Ironic's own conductor under a simulated clock. It makes one
statement of one operation fail, lets the fault pass, and checks what must
always hold.

``schedule`` runs one thread at a time, ``edges`` puts it in the place of
real time and real locks. ``database`` makes statements fail in the
ways of ``kinds``. ``observed`` writes down what was committed, and who
believed to hold the lock. ``bench`` runs one case,
``invariants`` judges its ``journal``. ``sweep`` chooses the cases,
``report`` counts.
"""

# First: it chooses the service backend.
import ironic.tests.unit  # noqa: F401
