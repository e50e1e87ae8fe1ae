# SPDX-License-Identifier: Apache-2.0
"""Run a script of Ironic that spends no time on hashing passwords.

From release 35 on, Ironic hashes the password of a BMC 600,000 times before
each request to it, for a third of a second.
"""

import hashlib
import runpy
import sys
from typing import Any

_real = hashlib.pbkdf2_hmac


def _once(name: str, word: bytes, salt: bytes, _: int, *more: Any) -> bytes:
    return _real(name, word, salt, 1, *more)


if __name__ == '__main__':
    vars(hashlib)['pbkdf2_hmac'] = _once
    del sys.argv[0]
    runpy.run_path(sys.argv[0], run_name='__main__')
