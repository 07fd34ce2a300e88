"""What the engine logs as an error is a defect, in a world where nobody sends it nonsense."""

from __future__ import annotations

__all__ = ["watched_logs"]

import logging
import sys
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING

import structlog

from flowworker.simulate.process import current_process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from structlog.typing import EventDict, WrappedLogger

    from simulation.trace import Trace


@contextmanager
def watched_logs(trace: Trace, on_defect: Callable[[str], None]) -> Iterator[None]:
    """Log to the trace if it is kept; report errors; leave the logging as it was."""

    def take(_logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        error = event.pop("exc_info", None)
        text = " ".join((event.pop("event", ""), *(f"{k}={v!r}" for k, v in event.items())))
        process = current_process()
        trace.note("-" if process is None else process.name, f"log: {text}")
        if method in {"error", "critical"}:
            if error is True:
                text = f"{text}\n{traceback.format_exc()}"
            on_defect(text)
        raise structlog.DropEvent

    before = structlog.get_config() if structlog.is_configured() else None
    level = logging.DEBUG if trace.keep else logging.ERROR
    structlog.configure(
        processors=[take],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    try:
        yield
    finally:
        if before is None:
            structlog.reset_defaults()
        else:
            structlog.configure(**before)
