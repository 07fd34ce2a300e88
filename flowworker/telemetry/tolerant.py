"""Loggers that raise for no argument: the line may be odd, but the caller goes on."""

from __future__ import annotations

__all__ = ["tolerant_logger"]

from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable

    from structlog.typing import FilteringBoundLogger

_BROKEN = (Exception, SystemExit, GeneratorExit)
"""What a `__repr__` or `__str__` of a user's class may raise."""

_METHODS = ("debug", "info", "warning", "warn", "error", "exception", "critical", "fatal")


def tolerant_logger(level: int) -> type[FilteringBoundLogger]:
    """A class of loggers that show `level` and what is above it."""
    kind = structlog.make_filtering_bound_logger(level)
    methods = {name: getattr(kind, name) for name in _METHODS}
    shown = {name: _tolerant(call) for name, call in methods.items() if call.__name__ != "_nop"}
    return cast("type[FilteringBoundLogger]", type("TolerantLogger", (kind,), shown))


def _tolerant(call: Callable[..., Any]) -> Callable[..., Any]:
    def log(self: Any, event: Any = "", /, *args: Any, **values: Any) -> None:
        text = _interpolated(event, args)
        try:
            call(self, text, **values)
        except _BROKEN:  # a value has a name that is taken, for one
            with suppress(*_BROKEN):
                call(self, text, values=_shown(values))

    return log


def _interpolated(event: Any, args: tuple[Any, ...]) -> Any:
    if not args:
        return event
    try:
        return event % (args[0] if len(args) == 1 and isinstance(args[0], dict) else args)
    except _BROKEN:  # too many, too few, of the wrong kind
        return f"{_shown(event)} {_shown(args)}"


def _shown(value: Any) -> str:
    try:
        return value if type(value) is str else repr(value)
    except _BROKEN:  # a user's repr
        return f"<{type(value).__name__}>"
