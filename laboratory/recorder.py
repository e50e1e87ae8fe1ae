# SPDX-License-Identifier: Apache-2.0
"""Record every notification where there is no broker, and read it back.

Loaded by oslo.messaging inside the service under test, as the notification
driver ``async_events_recorder``.
"""

import json
import os
import threading
import time
from typing import Any

from oslo_messaging.notify import notifier

VARIABLE = 'ASYNC_EVENTS_RECORDING'
"""The environment variable that names the file to append to."""

# One lock per process: a driver may be constructed more than once.
_LOCK = threading.Lock()


class RecordingDriver(notifier.Driver):  # type: ignore[misc]
    """Append each notification as one line of JSON, in order of emission."""

    def notify(
        self, ctxt: Any, message: dict[str, Any], priority: str, retry: Any
    ) -> None:
        """Write one line, in the order of emission; any thread calls this."""
        path = os.environ.get(VARIABLE)
        if not path:
            return
        with _LOCK:
            line = json.dumps(
                {
                    'message': message,
                    'priority': priority,
                    'process': os.getpid(),
                    'thread': threading.current_thread().name,
                    'received_at': time.time(),
                },
                default=str,
            )
            # One write for a line: processes do not mix.
            with open(path, 'ab', buffering=0) as recording:
                recording.write(line.encode() + b'\n')


def read(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Give back what was recorded, in the order of emission."""
    try:
        with open(path, encoding='utf-8') as recording:
            return [json.loads(line) for line in recording if line.strip()]
    except FileNotFoundError:
        return []
