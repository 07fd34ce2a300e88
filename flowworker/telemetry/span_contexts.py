"""Ids, contexts and links of spans, as the SDK has them."""

from __future__ import annotations

__all__ = ["WantedIds", "links_of", "nanoseconds", "plain", "wanted_ids", "within"]

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from opentelemetry.context import Context
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    TraceFlags,
    TraceState,
    set_span_in_context,
)

from flowworker.codec.trace import attempt_span
from flowworker.core.attempt import Attempt
from flowworker.telemetry.conventions import Attribute, LinkKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flowworker.codec.messages import StepMessage
    from flowworker.codec.trace import TraceContext

_wanted: ContextVar[tuple[int, int] | None] = ContextVar("flowworker_span_ids", default=None)


class WantedIds(IdGenerator):
    """The ids that are wanted for the span that is being made, or those of another generator."""

    def __init__(self, others: IdGenerator) -> None:
        self._others = others

    def generate_trace_id(self) -> int:
        """Of a root span."""
        wanted = _wanted.get()
        return self._others.generate_trace_id() if wanted is None else wanted[0]

    def generate_span_id(self) -> int:
        """Of any span."""
        wanted = _wanted.get()
        return self._others.generate_span_id() if wanted is None else wanted[1]


@contextmanager
def wanted_ids(trace_id: str, span_id: str) -> Iterator[None]:
    """The span that is made meanwhile has these ids."""
    token = _wanted.set((int(trace_id, 16), int(span_id, 16)))
    try:
        yield
    finally:
        _wanted.reset(token)


def remote(trace: TraceContext, span_id: str, state: str = "") -> SpanContext:
    flags = TraceFlags.SAMPLED if trace.sampled else TraceFlags.DEFAULT
    return SpanContext(
        int(trace.trace_id, 16),
        int(span_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(flags),
        trace_state=TraceState.from_header([state] if state else []),
    )


def within(trace: TraceContext, span_id: str, state: str) -> Context:
    """Where children of a span of another process are made."""
    parent = NonRecordingSpan(remote(trace, span_id, state))
    return set_span_in_context(parent, Context())


def links_of(trace: TraceContext, message: StepMessage) -> Sequence[Link]:
    """To the attempts that completed the steps before this one, or to the attempt before it."""
    found = [(span_id, LinkKind.DEPENDENCY) for span_id in message.follows]
    if message.number > 1:
        before = Attempt(message.kind, message.turn, message.number - 1, message.iteration)
        span_id = attempt_span(trace.trace_id, message.run, message.step, before)
        found.append((span_id, LinkKind.RETRY))
    return [
        Link(remote(trace, span_id), {Attribute.LINK.value: kind.value}) for span_id, kind in found
    ]


def nanoseconds(seconds: float) -> int:
    """A time as spans have it."""
    return int(seconds * 1e9)


def plain(attributes: Mapping[Attribute, str | bool | int]) -> dict[str, str | bool | int]:
    """Those that say something, without enumerations."""
    return {
        str(key): str(value) if isinstance(value, str) else value
        for key, value in attributes.items()
        if value
    }
