"""Asks the API over HTTP, as a program does."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

from tests.support.waiting import WAIT_LIMIT, blocking_eventually

VIEWER, OPERATOR = "viewers-token-0123456", "operators-token-01234"
TOKENS = f"# who\nvera viewer {VIEWER}\n\noscar operator {OPERATOR}\n"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Api:
    """One server. What is asked for is below `/api/v1`."""

    def __init__(self, host: str, port: int, token: str = OPERATOR) -> None:
        self.host = host
        self.port = port
        self._token = token

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        **headers: str,
    ) -> Answer:
        """Ask; without a token if it is empty. Headers have `_` for `-`."""
        token = self._token if token is None else token
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        with closing(HTTPConnection(self.host, self.port, timeout=WAIT_LIMIT)) as connection:
            connection.request(method, f"/api/v1{path}", body, sent)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, answer.read())

    def get(self, path: str, **more: Any) -> Any:
        """What a request that is answered well comes to."""
        answer = self("GET", path, **more)
        assert answer.status == 200, answer
        return answer.json

    def until(self, run: str, status: str) -> Any:
        """The run, once it has that status."""

        def reached() -> Any:
            answer = self("GET", f"/runs/{run}")
            return answer.json if answer.json["status"] == status else None

        return blocking_eventually(reached)
