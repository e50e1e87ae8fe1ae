# SPDX-License-Identifier: Apache-2.0
"""Plain requests to the API of Ironic; an error is an answer as well."""

from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

import requests


def get(url: str, **parameters: str) -> requests.Response:
    """Send a request to a server on loopback, which needs no proxy."""
    with requests.Session() as session:
        session.trust_env = False
        return session.get(url, params=parameters, timeout=30)


def answers(url: str) -> bool:
    """Tell whether a server on loopback is there and content."""
    try:
        return get(url).ok
    except requests.RequestException:
        return False


class Api:
    """A connection to the API, for one thread.

    :param watch: called with the method, the code and what came.
    """

    def __init__(
        self,
        endpoint: str,
        version: str = '1.87',
        timeout: float = 60,
        headers: Mapping[str, str] | None = None,
        watch: Callable[[str, int, Any], None] = lambda *answer: None,
    ) -> None:
        self._endpoint = endpoint
        self._timeout = timeout
        self._watch = watch
        self._session = requests.Session()
        # Loopback needs no proxy.
        self._session.trust_env = False
        self._session.headers['X-OpenStack-Ironic-API-Version'] = version
        self._session.headers.update(headers or {})

    def call(
        self, method: str, path: str, body: object = None
    ) -> tuple[int, Any]:
        """Send a request.

        :returns: the code, 0 where there was no answer; and what came.
        """
        code, answer = self._call(method, path, body)
        self._watch(method, code, answer)
        return code, answer

    def _call(self, method: str, path: str, body: object) -> tuple[int, Any]:
        try:
            answer = self._session.request(
                method, self._endpoint + path, json=body, timeout=self._timeout
            )
            if not answer.ok:
                return answer.status_code, answer.content
            return answer.status_code, answer.json() if answer.text else None
        except (requests.RequestException, ValueError) as e:
            return 0, e
