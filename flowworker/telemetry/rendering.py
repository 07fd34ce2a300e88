"""How log lines look: one JSON object each, or text for humans in which nothing steers a terminal.

Everything that is logged gives one line, and a line that cannot be written is dropped: logging
never raises.
"""

from __future__ import annotations

__all__ = ["Lines", "LogHandler", "formatter"]

import io
import json as stdlib_json
import logging
from typing import TYPE_CHECKING, Any

import structlog

from flowworker.codec.text import escaped
from flowworker.telemetry.context import add_attempt, hide

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    from structlog.typing import EventDict, Processor, WrappedLogger

_LONGEST = 16_384
"""Characters of a traceback that are shown."""

_BROKEN = (Exception, SystemExit, GeneratorExit)
"""What a `__repr__` or `__str__` of a user's class may raise."""

_TEXTS = {"event": "", "logger": "", "exception": "\n\t", "stack": "\n\t"}
"""What the console shows as text, and the control characters that stay in it."""


class LogHandler(logging.Handler):
    """Writes lines to a stream, as long as it is open."""

    def __init__(self, stream: TextIO | None, lines: logging.Formatter, *, json: bool) -> None:
        """Write to `stream`, if there is one."""
        super().__init__()
        self.stream = stream
        self.json = json
        self.setFormatter(lines)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, or what can be said of it."""
        try:
            text = hide(self.format(record))
        except _BROKEN as error:
            text = hide(self.format(_instead(record, error)))
        self.write(text)

    def write(self, text: str) -> None:
        """Write one line, or drop it if the stream is closed."""
        try:
            if self.stream is not None:
                self.stream.write(f"{text}\n")
                self.stream.flush()
        except (OSError, ValueError):  # the reader is gone, or the stream closed
            pass


class Lines(io.TextIOBase):
    """A stderr whose lines become lines of the log."""

    def __init__(self, handler: LogHandler) -> None:
        """Write by way of `handler`."""
        self.handler = handler
        self._begun = ""

    def write(self, text: str) -> int:
        """Log each line that is complete."""
        *lines, self._begun = (self._begun + text).split("\n")
        for line in filter(None, map(str.rstrip, lines)):
            self._log(line)
        return len(text)

    def flush(self) -> None:
        """Nothing: a line is logged when it ends."""

    def fileno(self) -> int:
        """That of the stream behind it."""
        if self.handler.stream is None:
            raise OSError("there is no stderr")
        return self.handler.stream.fileno()

    def _log(self, line: str) -> None:
        record = logging.LogRecord("stderr", logging.WARNING, "", 0, "%s", (line,), None)
        self.handler.handle(record)


def formatter(*, json: bool, colors: bool) -> logging.Formatter:
    """Formats records, structlog's and others: JSON, or lines for humans."""
    common: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        # Plain tracebacks: pretty ones print the values of variables, which may be secrets, and
        # take minutes over a long message, on the event loop.
        structlog.processors.format_exc_info,
        structlog.processors.StackInfoRenderer(),
        _shortened,
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
    ]
    renderers: list[Processor] = [structlog.processors.JSONRenderer(_to_json)]
    if not json:
        traceback = structlog.dev.plain_traceback
        console = structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=traceback)
        renderers = [_visible, console]
    return structlog.stdlib.ProcessorFormatter(
        processors=[*common, *renderers],
        foreign_pre_chain=[
            structlog.contextvars.merge_contextvars,
            add_attempt,
            structlog.stdlib.ExtraAdder(),
            structlog.stdlib.add_logger_name,
        ],
    )


def _instead(record: logging.LogRecord, error: BaseException) -> logging.LogRecord:
    """A record that can be formatted: what the other one was to say, and why it did not."""
    message = record.msg
    if isinstance(message, dict):  # structlog's
        message = message.get("event", "")
    text = f"{_shown(message)} (the line cannot be rendered: {type(error).__name__})"
    return logging.LogRecord(
        record.name, record.levelno, record.pathname, record.lineno, "%s", (text,), None
    )


def _shortened(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Tracebacks of a readable length."""
    text = event.get("exception")
    if isinstance(text, str) and len(text) > _LONGEST:
        text = hide(text)  # before it is cut
        event["exception"] = f"{text[: _LONGEST // 2]}\n[...]\n{text[-_LONGEST // 2 :]}"
    return event


def _visible(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Escape what others wrote; only tracebacks have several lines."""
    return {escaped(str(key)): _visible_value(key, value) for key, value in event.items()}


def _visible_value(key: str, value: object) -> object:
    if key in _TEXTS:
        return escaped(_shown(value), keep=_TEXTS[key])
    if type(value) is str:
        return value if value.isprintable() else _Shown(repr(value))
    return _Shown(escaped(_shown(value)))


class _Shown:
    """A value whose `repr` is known."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _shown(value: object) -> str:
    try:
        return value if type(value) is str else f"{value!r}"
    except _BROKEN as error:
        return f"<{type(value).__name__}: its repr raised {type(error).__name__}>"


def _to_json(event: EventDict, **_: Callable[[Any], Any]) -> str:
    """One line of JSON that every reader accepts."""
    try:
        return stdlib_json.dumps(event, default=_shown, allow_nan=False)
    except (TypeError, ValueError, RecursionError):  # odd keys, NaN, circles
        return stdlib_json.dumps({str(key): _shown(value) for key, value in event.items()})
