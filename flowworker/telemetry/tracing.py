"""What the parts of a process report of attempts, runs and events, so that they can be traced.

Where nobody traces, these do nothing. `telemetry.otel` makes spans.
"""

from __future__ import annotations

__all__ = ["NO_TRACE", "NO_TRACING", "AttemptTrace", "TraceSpan", "Tracing"]

from contextlib import nullcontext
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    from flowworker.codec.messages import StepMessage
    from flowworker.codec.trace import TraceContext
    from flowworker.core.records import RunRecord, StepRecord

    AttributeValue: TypeAlias = (
        str | bool | int | float | Sequence[str] | Sequence[bool] | Sequence[int] | Sequence[float]
    )


class TraceSpan(Protocol):
    """What a handler may do with the span of its attempt; one of OpenTelemetry's can do more."""

    def set_attribute(self, key: str, value: AttributeValue) -> None:
        """Describe the attempt."""
        ...

    def add_event(self, name: str, attributes: Mapping[str, AttributeValue] | None = None) -> None:
        """Note that something happened now."""
        ...

    def record_exception(self, exception: BaseException) -> None:
        """Note an exception that does not end the attempt."""
        ...

    def is_recording(self) -> bool:
        """Whether anybody will see what is noted."""
        ...


class _NoSpan:
    """Takes everything and keeps nothing."""

    def set_attribute(self, key: str, value: AttributeValue) -> None:
        """Nothing."""

    def add_event(self, name: str, attributes: Mapping[str, AttributeValue] | None = None) -> None:
        """Nothing."""

    def record_exception(self, exception: BaseException) -> None:
        """Nothing."""

    def is_recording(self) -> bool:
        """Nobody will see it."""
        return False


class AttemptTrace:
    """One attempt in this process, from its claim on.

    Attributes:
        span: what its handler gets.
    """

    span: TraceSpan = _NoSpan()

    def settled(self, record: StepRecord, cause: BaseException | None = None) -> None:
        """Its outcome is durable; `cause` is what the handler raised."""

    def interrupted(self, result: str) -> None:
        """It ends here without an outcome, `lost` or `released`; nothing if it has one."""


NO_TRACE = AttemptTrace()


class Tracing:
    """Traces what one process does.

    Attributes:
        on: whether anything comes of it; if not, nothing need be prepared for it.
    """

    on = False

    def attempt(
        self,
        message: StepMessage,  # noqa: ARG002
        claim: StepRecord,  # noqa: ARG002
    ) -> AttemptTrace:
        """An attempt was claimed; its span is the current one of this task from now on."""
        return NO_TRACE

    def recorded(self, message: StepMessage, record: StepRecord) -> None:
        """An attempt has ended whose worker may not have lived to trace it."""

    def samples(self, trace: TraceContext, run: RunRecord) -> bool:  # noqa: ARG002
        """Whether what is below a run is recorded: as its trace says, if that is not its own."""
        return trace.sampled

    def run_ended(self, record: RunRecord) -> None:
        """A run has ended; to say so twice is to say it once."""

    def emitting(
        self,
        event_type: str,  # noqa: ARG002
        event_id: str,  # noqa: ARG002
        trace: Mapping[str, str],
    ) -> AbstractContextManager[Mapping[str, str]]:
        """An event is published meanwhile, with the headers that this gives.

        `trace` has those of its run, for an event that is emitted in no span.
        """
        return nullcontext(trace)

    def flush(self) -> None:
        """Export what has ended, before the process ends; at most a second."""


NO_TRACING = Tracing()
