# SPDX-License-Identifier: Apache-2.0
"""Serve keystone with cheroot: ``keystone_server.py <port>``.

Run by the Python of keystone's own environment, so nothing else of this
project can be imported here.
"""

import sys

from cheroot import wsgi
from keystone.server import wsgi as keystone

# It reads the command line for options of its own.
_PORT = int(sys.argv.pop())
wsgi.Server(
    ('127.0.0.1', _PORT),
    keystone.initialize_public_application(),
    numthreads=8,
).start()
