"""Spans of attempts that are not plain sailing, one worker at a time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from opentelemetry import context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, Sampler
from opentelemetry.trace import SpanKind, get_current_span

from flowworker.codec.messages import StepInput, StepMessage
from flowworker.codec.trace import attempt_span, new_trace, run_span
from flowworker.core.attempt import Attempt
from flowworker.core.payload import EMPTY
from flowworker.core.records import ErrorInfo, RunRecord, StepRecord, Stop, StopReason
from flowworker.core.status import Kind, Outcome, RunStatus
from flowworker.telemetry.conventions import Result
from flowworker.telemetry.otel import tracing_with
from flowworker.telemetry.tracing import NO_TRACING, Tracing
from tests.tracing.spans import Spans, id_of, links_of, parent_of, said_of, trace_of

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED, UNSAMPLED = f"00-{TRACE}-{CALLER}-01", f"00-{TRACE}-{CALLER}-00"
FIRST = Attempt(Kind.RUN, 1, 1)
SPAN = int(attempt_span(TRACE, "r1", "s", FIRST), 16)


def message(**fields: Any) -> StepMessage:
    given = {"kind": Kind.RUN, "turn": 1, "number": 1, "trace": SAMPLED, **fields}
    return StepMessage(
        *("r1", "order", "s", "do"), input=StepInput(EMPTY), idempotency_key="k", **given
    )


def record(outcome: Outcome = Outcome.RUNNING, **fields: Any) -> StepRecord:
    return StepRecord(
        *("r1", "s", Kind.RUN, 1, 1, outcome),
        **{"worker": "w1", "started_at": 10.0, "finished_at": 12.0, **fields},
    )


def run_record(**fields: Any) -> RunRecord:
    given = {"status": RunStatus.COMPLETED, "created_at": 5.0, "finished_at": 20.0, **fields}
    return RunRecord("r1", "order", "h", input=EMPTY, **{"trace": SAMPLED, **given})


def traced(sampler: Sampler | None = None) -> tuple[Tracing, Spans]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(sampler, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return tracing_with(provider, "flowworker"), Spans(provider, exporter)


@pytest.fixture(autouse=True)
def no_span_before():
    token = context.attach(context.Context())
    yield
    context.detach(token)


def test_the_context_of_the_start_goes_on():
    tracing, spans = traced()
    tracing.run_ended(run_record(trace_state="vendor=x"))
    tracing.attempt(message(trace_state="vendor=x"), record()).settled(record(Outcome.COMPLETED))

    run, attempt = spans.one("run order"), spans.one("run s")
    assert trace_of(run) == trace_of(attempt) == int(TRACE, 16)
    assert parent_of(run) == int(CALLER, 16)
    assert parent_of(attempt) == id_of(run) == int(run_span(TRACE, "r1"), 16)
    assert (run.start_time, run.end_time) == (5_000_000_000, 20_000_000_000)
    assert (attempt.start_time, attempt.end_time) == (10_000_000_000, 12_000_000_000)
    assert run.context is not None
    assert attempt.context is not None
    assert run.context.trace_state == attempt.context.trace_state == {"vendor": "x"}


def test_a_run_that_ends_twice_is_one_span():
    spans = []
    for _ in range(2):
        tracing, seen = traced()
        tracing.run_ended(run_record())
        spans.append(seen.one("run order").to_json())

    assert spans[0] == spans[1]


@pytest.mark.parametrize(("result", "word"), [(Result.LOST, "lost"), (Result.RELEASED, "released")])
def test_an_attempt_that_is_interrupted_leaves_its_span_to_the_next_worker(result, word):
    # Given a worker whose handler noted something, and that loses the claim
    tracing, spans = traced()
    one = tracing.attempt(message(follows=("11" * 8,)), record())
    one.span.set_attribute("shop.seat", "12A")
    one.span.add_event("looked")
    one.interrupted(result)

    # When another one settles the attempt
    other = tracing.attempt(message(), record(lost=1, worker="w2"))
    other.settled(record(Outcome.COMPLETED, lost=1))

    # Then that one has the attempt's span, and the first one a span that leads there
    mine, settled = sorted(spans.named("run s"), key=lambda span: id_of(span) == SPAN)
    assert id_of(settled) == SPAN != id_of(mine)
    assert links_of(mine, "attempt") == {SPAN}
    assert links_of(mine, "dependency") == {int("11" * 8, 16)}
    assert parent_of(mine) == parent_of(settled)
    assert mine.kind is SpanKind.CONSUMER
    assert mine.start_time == 10_000_000_000
    assert [event.name for event in mine.events] == ["looked"]
    assert said_of(mine).items() >= {"shop.seat": "12A", "flowworker.attempt.result": word}.items()
    assert said_of(settled)["flowworker.attempt.lost"] == 1


def test_what_has_ended_cannot_be_interrupted():
    tracing, spans = traced()
    one = tracing.attempt(message(), record())
    one.settled(record(Outcome.COMPLETED))
    one.interrupted(Result.RELEASED)

    assert [id_of(span) for span in spans.ended] == [SPAN]


def test_an_attempt_whose_worker_died_is_traced_from_its_record():
    tracing, spans = traced()
    lost = record(Outcome.FAILED, error=ErrorInfo("WorkerLost", "three of them"), lost=3)
    tracing.recorded(message(), lost)
    tracing.recorded(message(), record(Outcome.CANCELLED, started_at=0.0))  # it never began

    span = spans.one("run s")
    assert id_of(span) == SPAN
    assert said_of(span)["flowworker.attempt.result"] == "error"
    assert get_current_span().get_span_context().is_valid is False


@pytest.mark.parametrize(
    ("outcome", "error", "result"),
    [
        (Outcome.COMPLETED, None, "success"),
        (Outcome.CANCELLED, None, "cancellation"),
        (Outcome.FAILED, ErrorInfo("Timeout", "late"), "timeout"),
        (Outcome.FAILED, ErrorInfo("HeartbeatTimeout", "late"), "timeout"),
        (Outcome.FAILED, ErrorInfo("HandlerNotFound", "none"), "error"),
        (Outcome.FAILED, ErrorInfo("ValueError", "no"), "failure"),
    ],
)
def test_how_an_attempt_ended(outcome, error, result):
    tracing, spans = traced()
    tracing.attempt(message(), record()).settled(record(outcome, error=error))

    assert said_of(spans.one("run s"))["flowworker.attempt.result"] == result


@pytest.mark.parametrize(
    ("status", "stop", "result"),
    [
        (RunStatus.COMPLETED, None, "success"),
        (RunStatus.CANCELLED, Stop(StopReason.CANCELLED), "cancellation"),
        (RunStatus.CANCELLED, Stop(StopReason.TERMINATED), "cancellation"),
        (RunStatus.FAILED, Stop(StopReason.FAILED), "failure"),
        (RunStatus.FAILED, Stop(StopReason.TIMED_OUT), "timeout"),
    ],
)
def test_how_a_run_ended(status, stop, result):
    tracing, spans = traced()
    tracing.run_ended(run_record(status=status, stop=stop))

    assert said_of(spans.one("run order"))["flowworker.run.result"] == result


def test_a_caller_that_does_not_sample_is_heeded():
    tracing, spans = traced()
    tracing.run_ended(run_record(trace=UNSAMPLED))
    attempt = tracing.attempt(message(trace=UNSAMPLED), record())
    current = get_current_span().get_span_context()
    attempt.interrupted(Result.RELEASED)
    with tracing.emitting("order.paid", "e1", {}) as headers:
        pass

    assert spans.ended == ()
    assert (current.trace_id, current.trace_flags) == (int(TRACE, 16), 0)
    assert headers["traceparent"].startswith(f"00-{TRACE}-")
    assert headers["traceparent"].endswith("-00")


@pytest.mark.parametrize(("sampler", "count"), [(None, 2), (ParentBased(ALWAYS_OFF), 0)])
def test_a_trace_of_the_runs_own_is_sampled_as_a_root(sampler, count):
    own = str(new_trace("flowworker", "r1", "7@1.0"))
    tracing, spans = traced(sampler)
    tracing.attempt(message(trace=own), record()).settled(record(Outcome.COMPLETED))
    tracing.run_ended(run_record(trace=own))

    assert len(spans.ended) == count


def test_an_event_that_is_emitted_in_no_span_is_in_its_runs_trace():
    tracing, spans = traced()
    with tracing.emitting("order.paid", "e1", {"traceparent": SAMPLED}) as headers:
        pass

    span = spans.one("emit order.paid")
    assert (trace_of(span), parent_of(span)) == (int(TRACE, 16), int(CALLER, 16))
    assert headers == {"traceparent": f"00-{TRACE}-{id_of(span):016x}-01"}


def test_spans_of_others_have_ids_of_their_own():
    tracing, spans = traced()
    tracing_with(spans.provider, "flowworker")  # as a coordinator and a worker in one process
    attempt = tracing.attempt(message(), record())
    with spans.provider.get_tracer("shop").start_as_current_span("inner"):
        pass
    attempt.settled(record(Outcome.COMPLETED))

    assert parent_of(spans.one("inner")) == SPAN != id_of(spans.one("inner"))


def test_a_provider_that_is_switched_off_is_none(monkeypatch):
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")

    assert tracing_with(TracerProvider(), "flowworker") is NO_TRACING


async def test_each_attempt_has_a_current_span_of_its_own():
    tracing, _ = traced()

    async def attempt(step: str) -> int:
        tracing.attempt(message(), record())
        await asyncio.sleep(0)
        return get_current_span().get_span_context().span_id

    async def between() -> bool:
        return get_current_span().get_span_context().is_valid

    assert await asyncio.create_task(attempt("s")) == SPAN
    assert not await asyncio.create_task(between())
