# SPDX-License-Identifier: Apache-2.0
"""Every statement of every operation can fail.

The sweep runs Ironic's own conductor under a simulated clock. It makes one
statement of one operation fail, lets the fault pass, and checks what must
always hold. Begin to read at ``bench.FaultBench.run_case``.
"""

# First: it chooses the service backend.
import ironic.tests.unit  # noqa: F401
