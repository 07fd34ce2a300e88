"""Spans of OpenTelemetry, with ids that follow from what they are about.

A span is exported by the process that ends it, and processes die. So that links and repetitions
meet, the id of an attempt's span is known to all (`codec.trace`), and belongs to the worker that
settles the attempt. One that loses its claim, or gives it back, exports what it did as a span with
an id of its own. A run's span is made at its end from the times of its record, by the coordinator
that has it then; made twice it is the same.
"""

from __future__ import annotations

__all__ = ["OtelTracing", "tracing_with"]

import threading
import traceback
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING

from msgspec.structs import replace
from opentelemetry import context as current_context
from opentelemetry.context import Context
from opentelemetry.sdk.trace import Span as SdkSpan
from opentelemetry.sdk.trace import Tracer
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.semconv.attributes.exception_attributes import (
    EXCEPTION_MESSAGE,
    EXCEPTION_STACKTRACE,
)
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanKind,
    StatusCode,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from flowworker.codec.trace import attempt_span, run_span, trace_of
from flowworker.core.ids import attempt_key
from flowworker.core.status import Outcome, RunStatus
from flowworker.telemetry.context import hide
from flowworker.telemetry.conventions import (
    SYSTEM,
    Attribute,
    LinkKind,
    Result,
    attempt_result,
    run_result,
)
from flowworker.telemetry.span_contexts import (
    WantedIds,
    links_of,
    nanoseconds,
    plain,
    wanted_ids,
    within,
)
from flowworker.telemetry.tracing import NO_TRACING, AttemptTrace, Tracing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from opentelemetry.sdk.trace import TracerProvider

    from flowworker.codec.messages import StepMessage
    from flowworker.codec.trace import TraceContext
    from flowworker.core.records import RunRecord, StepRecord

_FLUSH = 1.0
"""Seconds that a process waits for its collector when it ends."""


def tracing_with(provider: TracerProvider, namespace: str) -> Tracing:
    """Trace the runs of that namespace, unless the provider is switched off."""
    tracer = provider.get_tracer("flowworker", version("flowworker"))
    return OtelTracing(provider, tracer, namespace) if isinstance(tracer, Tracer) else NO_TRACING


class OtelTracing(Tracing):
    """Makes spans with a provider of the SDK's."""

    on = True

    def __init__(self, provider: TracerProvider, tracer: Tracer, namespace: str) -> None:
        """Trace the runs of that namespace with a tracer of the provider's."""
        if not isinstance(tracer.id_generator, WantedIds):  # or another part has made it one
            tracer.id_generator = WantedIds(tracer.id_generator)
        self._provider = provider
        self._tracer = tracer
        self._namespace = namespace
        self._propagator = TraceContextTextMapPropagator()

    def attempt(self, message: StepMessage, claim: StepRecord) -> AttemptTrace:
        """Begin the span of an attempt, and make it the current one."""
        span = self._begin(message, claim)
        current_context.attach(set_span_in_context(span))
        return _OtelAttempt(self._tracer, span)

    def recorded(self, message: StepMessage, record: StepRecord) -> None:
        """The span of an attempt, from its record; none if it never began."""
        if record.started_at:
            _OtelAttempt(self._tracer, self._begin(message, record)).settled(record)

    def samples(self, trace: TraceContext, run: RunRecord) -> bool:
        """Whether what is below a run is recorded, as what is in it."""
        return self._samples(trace, run.run, run.workflow)

    def run_ended(self, record: RunRecord) -> None:
        """The span of a run, from its record."""
        trace = trace_of(record.trace, self._namespace, record.run)
        attributes: dict[Attribute, str | bool | int] = {
            Attribute.WORKFLOW: record.workflow,
            Attribute.VERSION: record.version,
            Attribute.RUN: record.run,
            Attribute.RUN_RESULT: run_result(record),
            Attribute.NEEDS_ATTENTION: record.needs_attention,
        }
        if record.status is RunStatus.FAILED and record.stop is not None:
            attributes[Attribute.ERROR_TYPE] = record.stop.reason
        begun_here = trace.is_of(record.run)
        parent = Context() if begun_here else within(trace, trace.span_id, record.trace_state)
        with wanted_ids(trace.trace_id, run_span(trace.trace_id, record.run)):
            span = self._tracer.start_span(
                f"run {record.workflow}",
                parent,
                SpanKind.SERVER,
                plain(attributes),
                start_time=nanoseconds(record.created_at),
            )
        if record.status is RunStatus.FAILED:
            span.set_status(StatusCode.ERROR, record.error)
        span.end(nanoseconds(record.finished_at))

    @contextmanager
    def emitting(
        self, event_type: str, event_id: str, trace: Mapping[str, str]
    ) -> Iterator[Mapping[str, str]]:
        """A span of its own, in the one in which it is emitted."""
        is_in_span = get_current_span().get_span_context().is_valid
        attributes = {
            Attribute.SYSTEM: SYSTEM,
            Attribute.OPERATION_TYPE: "send",
            Attribute.OPERATION_NAME: "emit",
            Attribute.DESTINATION: event_type,
            Attribute.MESSAGE_ID: event_id,
        }
        with self._tracer.start_as_current_span(
            f"emit {event_type}",
            None if is_in_span else self._propagator.extract(trace),
            SpanKind.PRODUCER,
            plain(attributes),
        ):
            headers: dict[str, str] = {}
            self._propagator.inject(headers)
            yield headers

    def flush(self) -> None:
        """Export what has ended; what takes longer goes on in a thread that ends with us."""
        thread = threading.Thread(target=self._provider.force_flush, daemon=True)
        thread.start()
        thread.join(_FLUSH)

    def _begin(self, message: StepMessage, record: StepRecord) -> Span:
        run, step, attempt = message.run, message.step, message.attempt
        trace = trace_of(message.trace, self._namespace, run)
        attributes: dict[Attribute, str | bool | int] = {
            Attribute.SYSTEM: SYSTEM,
            Attribute.OPERATION_TYPE: "process",
            Attribute.OPERATION_NAME: message.kind,
            Attribute.DESTINATION: message.queue,
            Attribute.MESSAGE_ID: attempt_key(run, step, attempt, message.lost),
            Attribute.CLIENT_ID: record.worker,
            Attribute.WORKFLOW: message.workflow,
            Attribute.VERSION: message.version,
            Attribute.RUN: run,
            Attribute.STEP: step,
            Attribute.HANDLER: message.uses,
            Attribute.TURN: message.turn,
            Attribute.NUMBER: message.number,
            Attribute.LOST: record.lost,
        }
        with wanted_ids(trace.trace_id, attempt_span(trace.trace_id, run, step, attempt)):
            return self._tracer.start_span(
                f"{message.kind} {step}",
                self._run(trace, message),
                SpanKind.CONSUMER,
                plain(attributes),
                links_of(trace, message),
                nanoseconds(record.started_at),
            )

    def _samples(self, trace: TraceContext, run: str, workflow: str) -> bool:
        """Whether a run is recorded; if its trace is its own, as it will be decided at its end."""
        if not trace.is_of(run):
            return trace.sampled
        found = self._tracer.sampler.should_sample(
            Context(), int(trace.trace_id, 16), f"run {workflow}", SpanKind.SERVER
        )
        return found.decision is Decision.RECORD_AND_SAMPLE

    def _run(self, trace: TraceContext, message: StepMessage) -> Context:
        """The context of the run's span, which need not exist yet."""
        trace = replace(trace, sampled=self._samples(trace, message.run, message.workflow))
        return within(trace, run_span(trace.trace_id, message.run), message.trace_state)


class _OtelAttempt(AttemptTrace):
    """An attempt with a span."""

    def __init__(self, tracer: Tracer, span: Span) -> None:
        self.span: Span = span
        self._tracer = tracer
        self._is_over = False

    def settled(self, record: StepRecord, cause: BaseException | None = None) -> None:
        """End the span as the record says."""
        self._is_over = True
        span, error = self.span, record.error
        span.set_attribute(Attribute.RESULT.value, attempt_result(record).value)
        if record.outcome is Outcome.FAILED and error is not None:
            span.set_attribute(Attribute.ERROR_TYPE.value, error.type)
            span.set_status(StatusCode.ERROR, str(error))
        if cause is not None:
            _record(span, cause)
        span.end(nanoseconds(record.finished_at))

    def interrupted(self, result: str) -> None:
        """Leave the span to the worker that will settle the attempt; export a copy."""
        span = self.span
        if self._is_over or not isinstance(span, SdkSpan):
            return
        self._is_over = True
        copy = self._tracer.start_span(
            span.name,
            Context()
            if span.parent is None
            else set_span_in_context(NonRecordingSpan(span.parent)),
            span.kind,
            span.attributes,
            [
                *span.links,
                Link(span.get_span_context(), {Attribute.LINK.value: LinkKind.ATTEMPT.value}),
            ],
            span.start_time,
        )
        for event in span.events:
            copy.add_event(event.name, event.attributes, event.timestamp)
        copy.set_attribute(Attribute.RESULT.value, result)
        if result == Result.LOST:
            copy.set_status(StatusCode.ERROR, "another worker has the claim")
        copy.end()


def _record(span: Span, cause: BaseException) -> None:
    """What a handler raised, without the secrets of its run."""
    stack = "".join(traceback.format_exception(cause))
    said = {EXCEPTION_MESSAGE: hide(str(cause)), EXCEPTION_STACKTRACE: hide(stack)}
    span.record_exception(cause, said)
