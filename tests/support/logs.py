"""What was logged, as fields: a test asks for levels and values, not for how a line is worded."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any
from unittest.mock import ANY

import pytest
import structlog
from structlog.testing import LogCapture

from flowworker.telemetry.tolerant import tolerant_logger

__all__ = ["ANY", "Containing", "Logs", "logs"]


class Containing:
    """Equals all values whose text contains another."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __eq__(self, other: object) -> bool:
        return self._text in str(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Containing({self._text!r})"


class Logs:
    """All lines of a test so far, each as the dictionary of its fields."""

    def __init__(self) -> None:
        self.capture = LogCapture()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [dict(entry) for entry in self.capture.entries]

    def at(self, *levels: str) -> list[dict[str, Any]]:
        """Those of these levels."""
        return [line for line in self.lines if line["log_level"] in levels]

    def having(self, level: str, **fields: Any) -> list[dict[str, Any]]:
        """Those of a level that have at least these fields; `ANY` is any value."""
        return [
            line
            for line in self.at(level)
            if all(name in line and value == line[name] for name, value in fields.items())
        ]

    @property
    def tracebacks(self) -> list[dict[str, Any]]:
        """Those with an exception's traceback."""
        return [line for line in self.lines if line.get("exc_info")]


@pytest.fixture
def logs() -> Iterator[Logs]:
    """Ask for it before whatever logs is made."""
    logs = Logs()
    structlog.configure(
        processors=[logs.capture],
        wrapper_class=tolerant_logger(logging.NOTSET),
        cache_logger_on_first_use=False,
    )
    yield logs
    structlog.reset_defaults()
