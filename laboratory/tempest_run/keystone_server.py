# SPDX-License-Identifier: Apache-2.0
"""Serve keystone with cheroot: ``keystone_server.py <port> <threads>``.

Run by the Python of keystone's own environment, so nothing else of this
project can be imported here.
"""

import signal
import sys


def main(port: int, threads: int) -> None:
    """Serve until SIGTERM."""
    from cheroot import wsgi
    from keystone.server import wsgi as keystone

    # It reads the command line for options of its own.
    del sys.argv[1:]
    server = wsgi.Server(
        ('127.0.0.1', port),
        keystone.initialize_public_application(),
        numthreads=threads,
    )

    def stop(*_args: object) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, stop)
    try:
        server.start()
    finally:
        server.stop()


if __name__ == '__main__':
    main(int(sys.argv[1]), int(sys.argv[2]))
