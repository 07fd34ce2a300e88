"""Ports on which things go wrong, as asked for."""

from __future__ import annotations

from typing import Any

from flowworker.errors import Unavailable


class Flaky:
    """Stands before a port. `script` maps a method to what shall happen to its next calls:

    "ok", "before" (Unavailable, without effect), "after" (the effect, then Unavailable), or an
    exception to raise. When a script is used up, everything is well.
    """

    def __init__(self, port: Any, **scripts: list[Any]) -> None:
        self._port = port
        self.scripts = scripts
        self.calls: list[tuple[str, tuple[Any, ...]]] = []

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        if not callable(method):
            return method

        async def call(*args: Any, **options: Any) -> Any:
            self.calls.append((name, args))
            script = self.scripts.get(name)
            what = script.pop(0) if script else "ok"
            if isinstance(what, BaseException):
                raise what
            if callable(what):
                await what(*args)
            if what == "before":
                raise Unavailable("no answer")
            result = await method(*args, **options)
            if what == "after":
                raise Unavailable("no answer in time")
            return result

        return call
