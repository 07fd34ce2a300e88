"""W3C trace context, and the ids of spans: all processes of a fleet compute the same. Pure.

The trace of a run is that of its start message. A start without one begins a trace, named by a
digest of what no other start has: namespace, run and place in the commands stream. An attempt's
span is named by a digest as well, so that others can link to it without asking for its id, and the
same span made twice is one.
"""

from __future__ import annotations

__all__ = [
    "MAX_STATE",
    "TraceContext",
    "attempt_span",
    "new_trace",
    "parse_trace",
    "run_span",
    "state_of",
    "trace_of",
]

import re
from hashlib import sha256
from typing import TYPE_CHECKING

from msgspec import Struct

from flowworker.core.ids import attempt_key

if TYPE_CHECKING:
    from flowworker.core.attempt import Attempt

_PARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-[!-~]{1,200})?"
)
"""`traceparent`: later versions may have more behind what this one has."""

MAX_STATE = 512
"""Characters of a `tracestate` that are passed on; W3C asks for that many."""

_STATE = re.compile(rf"[ -~]{{1,{MAX_STATE}}}")


class TraceContext(Struct, frozen=True):
    """Where in which trace.

    Attributes:
        trace_id, span_id: in hex, 32 and 16 digits.
        sampled: whether who began the trace records it.
    """

    trace_id: str
    span_id: str
    sampled: bool

    def __str__(self) -> str:
        """As a `traceparent`."""
        return f"00-{self.trace_id}-{self.span_id}-{self.sampled:02x}"

    def is_of(self, run: str) -> bool:
        """Whether it names the run's own span: its start began the trace."""
        return self.span_id == run_span(self.trace_id, run)


def parse_trace(text: str) -> TraceContext | None:
    """What a `traceparent` says; None for what is none."""
    found = _PARENT.fullmatch(text)
    if found is None:
        return None
    trace_id, span_id, flags, more = found.groups()
    if more and text.startswith("00"):
        return None
    return TraceContext(trace_id, span_id, bool(int(flags, 16) & 1))


def state_of(text: str) -> str:
    """A `tracestate` that can be passed on; others are left out."""
    return text if _STATE.fullmatch(text) else ""


def new_trace(namespace: str, run: str, origin: str) -> TraceContext:
    """The trace of a run whose start has none.

    Whether it is sampled is not decided here: each process asks the sampler that it has.
    """
    trace_id = _digest(f"{namespace}/{run}/{origin}", 32)
    return TraceContext(trace_id, run_span(trace_id, run), sampled=False)


def trace_of(text: str, namespace: str, run: str) -> TraceContext:
    """The trace of a run, given what its record or its messages have of it."""
    return parse_trace(text) or new_trace(namespace, run, "")


def run_span(trace_id: str, run: str) -> str:
    """The id of a run's span."""
    return _digest(f"{trace_id}/{run}", 16)


def attempt_span(trace_id: str, run: str, step: str, attempt: Attempt) -> str:
    """The id of the span of an attempt."""
    return _digest(f"{trace_id}/{attempt_key(run, step, attempt)}", 16)


def _digest(text: str, digits: int) -> str:
    return sha256(text.encode()).hexdigest()[:digits]
