"""Structured log lines, on stderr: stdout is for results."""

from __future__ import annotations

__all__ = ["configure_logging", "get_logger"]

import logging
import sys
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

LOGGER = "flowworker"
"""Name of the standard library's logger that stands in where nobody configured structlog."""


_LONGEST = 16_384
"""Characters of a traceback that are shown."""


def configure_logging(*, json: bool, level: str = "info") -> None:
    """Set up structlog, and send what libraries log by `logging` the same way.

    Args:
        json: one JSON object a line; else lines for humans, coloured on a terminal.
        level: the lowest level that is shown: debug, info, warning, error.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    common: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    # Plain tracebacks: pretty ones print the values of variables, which may be secrets, and take
    # minutes over a long message, on the event loop.
    renderers: list[Processor] = [structlog.processors.format_exc_info, _shortened]
    if json:
        renderers.append(structlog.processors.JSONRenderer())
    else:
        renderers.append(
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        )
    structlog.configure(
        processors=[*common, *renderers],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    strip = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[strip, *renderers], foreign_pre_chain=common
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)


def get_logger(**values: Any) -> FilteringBoundLogger:
    """A logger that carries `values`; call it when it is needed, not at import.

    An application that has configured structlog gets it as configured. In any other, lines go to
    `logging`'s logger `flowworker`, so that a library does not write to somebody's stdout.
    """
    if structlog.is_configured():
        configured: FilteringBoundLogger = structlog.get_logger(**values)
        return configured
    plain = logging.getLogger(LOGGER)
    wrapped: FilteringBoundLogger = structlog.wrap_logger(
        plain,
        processors=[_to_logging],
        wrapper_class=structlog.make_filtering_bound_logger(plain.getEffectiveLevel()),
        **values,
    )
    return wrapped


def _shortened(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Tracebacks of a readable length, whatever the exception has to say."""
    text = event.get("exception")
    if isinstance(text, str) and len(text) > _LONGEST:
        event["exception"] = f"{text[: _LONGEST // 2]}\n[...]\n{text[-_LONGEST // 2 :]}"
    return event


def _to_logging(
    _logger: WrappedLogger, _method: str, event: EventDict
) -> tuple[tuple[str], dict[str, Any]]:
    """One line for `logging`, which has its own way with tracebacks."""
    exc_info = event.pop("exc_info", None)
    text = event.pop("event", "")
    pairs = (f"{key}={value!r}" for key, value in event.items())
    return (" ".join((text, *pairs)),), {"exc_info": exc_info}
