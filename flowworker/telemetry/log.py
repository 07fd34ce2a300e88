"""Structured log lines, by way of `logging`: ours, users' and every library's the same.

As a library, flowworker configures nothing: it logs to the logger `flowworker`, and never to
stdout. A process of the command line renders all that reaches the root logger, on stderr, since
stdout is for results.
"""

from __future__ import annotations

__all__ = ["configure_logging", "get_logger", "is_json", "log_everything"]

import logging
import sys
import threading
from typing import TYPE_CHECKING, Any

import structlog

from flowworker.telemetry.context import add_attempt
from flowworker.telemetry.rendering import Lines, LogHandler, formatter
from flowworker.telemetry.tolerant import tolerant_logger

if TYPE_CHECKING:
    from types import TracebackType

    from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

LOGGER = "flowworker"
"""Name of the standard library's logger."""


def configure_logging(*, json: bool, level: str = "info", colors: bool = False) -> None:
    """Render what this process logs, on stderr.

    Args:
        json: one JSON object a line; else lines for humans.
        level: the lowest level that is shown: debug, info, warning, error.
        colors: whether lines for humans are coloured.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            add_attempt,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=tolerant_logger(number),
        logger_factory=lambda *_: logging.getLogger(LOGGER),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers[:] = [LogHandler(_real_stderr(), formatter(json=json, colors=colors), json=json)]
    root.setLevel(number)


def log_everything() -> None:
    """Log what Python would print: warnings, and exceptions that were not caught.

    Where the log is JSON, everything else that is written to `sys.stderr` becomes JSON as well,
    except for what C code writes, such as `faulthandler`.
    """
    logging.captureWarnings(capture=True)
    sys.excepthook = _uncaught
    threading.excepthook = lambda args: _uncaught(
        args.exc_type, args.exc_value, args.exc_traceback, thread=getattr(args.thread, "name", "?")
    )
    sys.unraisablehook = lambda args: _uncaught(
        args.exc_type, args.exc_value, args.exc_traceback, where=repr(args.object)
    )
    handler = _handler()
    if handler is not None and handler.json:
        sys.stderr = Lines(handler)


def is_json() -> bool:
    """Whether this process logs JSON."""
    handler = _handler()
    return handler is not None and handler.json


def get_logger(**values: Any) -> FilteringBoundLogger:
    """A logger that carries `values`; call it when it is needed, not at import.

    An application that has configured structlog gets it as configured. In any other, lines go to
    `logging`'s logger `flowworker`.
    """
    if structlog.is_configured():
        configured: FilteringBoundLogger = structlog.get_logger(**values)
        return configured
    plain = logging.getLogger(LOGGER)
    if not plain.handlers:
        plain.addHandler(logging.NullHandler())
    wrapped = structlog.wrap_logger(
        plain,
        processors=[structlog.stdlib.filter_by_level, _to_logging],
        wrapper_class=tolerant_logger(logging.NOTSET),
    )
    bound: FilteringBoundLogger = wrapped.bind(**values)  # else each line would bind anew
    return bound


def _uncaught(
    kind: type[BaseException],
    error: BaseException | None,
    traceback: TracebackType | None,
    **where: str,
) -> None:
    if issubclass(kind, SystemExit):
        return  # a thread's own end
    exc_info = (kind, error or kind(), traceback)
    get_logger().critical("an exception was not caught", exc_info=exc_info, **where)


def _handler() -> LogHandler | None:
    return next((h for h in logging.getLogger().handlers if isinstance(h, LogHandler)), None)


def _real_stderr() -> Any:
    """Where lines go, also if the process has configured its logging before."""
    return sys.stderr.handler.stream if isinstance(sys.stderr, Lines) else sys.stderr


def _to_logging(
    _logger: WrappedLogger, _method: str, event: EventDict
) -> tuple[tuple[str], dict[str, Any]]:
    """One line for `logging`, which has its own way with tracebacks."""
    exc_info = event.pop("exc_info", None)
    text = event.pop("event", "")
    pairs = (f"{key}={value!r}" for key, value in event.items())
    return (" ".join((str(text), *pairs)),), {"exc_info": exc_info}
