"""A backend that dies after so many changes: what a process has of one when its power is cut."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flowworker.errors import Unavailable
from flowworker.ports import Backend

CHANGES = frozenset(
    {"write", "put", "purge", "publish", "publish_before_end", "set", "clear", "drop"}
    | {"enqueue", "withdraw", "hold", "release"}
)
PORTS = ("runs", "events", "timers", "steps", "lanes", "payloads", "definitions")


class Life:
    """Ends after `left` changes; the one that is too many is not made."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.ended = False

    def spend(self, method: str) -> None:
        if method in CHANGES:
            self.ended = self.ended or not self.left
            self.left -= 1
        if self.ended:
            raise Unavailable("the power is cut")


class _Port:
    def __init__(self, port: Any, life: Life) -> None:
        self._port = port
        self._life = life

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        if not callable(method):
            return method

        async def call(*args: Any, **options: Any) -> Any:
            self._life.spend(name)
            return await method(*args, **options)

        return call


def mortal(backend: Backend, life: Life) -> Backend:
    """The same backend, for as long as that life lasts."""
    ports: dict[str, Any] = {name: _Port(getattr(backend, name), life) for name in PORTS}
    return replace(backend, **ports)
