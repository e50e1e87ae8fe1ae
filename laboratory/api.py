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
    """A connection to the API, for one thread; a watch sees each answer."""

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
        """Send a request; return its code (0: no answer) and what came."""
        url = self._endpoint + path
        try:
            answer = self._session.request(
                method, url, json=body, timeout=self._timeout
            )
            code, content = answer.status_code, answer.content
            if answer.ok:
                content = answer.json() if answer.text else None
        except (requests.RequestException, ValueError) as error:
            code, content = 0, error
        self._watch(method, code, content)
        return code, content
