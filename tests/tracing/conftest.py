"""A runner in an application that traces, and the spans that it has made."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from flowworker import InMemStore, Runner, Settings, parse
from tests.tracing.spans import Spans

WORKFLOWS = """
name: trip
version: v1
steps:
  - {id: flight, uses: book, saga: {uses: undo}}
  - {id: hotel, uses: book, saga: {uses: undo}}
  - id: pay
    uses: pay
    depends_on: [flight, hotel]
    retry: {max_attempts: 2, interval: 1ms}
    fallback: {uses: cash}
"""


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Spans:
    """Those of this process, whose provider is the application's own."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    return Spans(provider, exporter)


@pytest.fixture
async def runner(spans: Spans) -> AsyncIterator[Runner]:
    runner = Runner(store=InMemStore(settings=Settings(drain=0.05, sweep=3600)))
    runner.register(parse(WORKFLOWS))
    yield runner
    await runner.close()
