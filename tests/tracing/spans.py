"""Spans that have ended, by name."""

from __future__ import annotations

from dataclasses import dataclass

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter


@dataclass
class Spans:
    """What an exporter in memory has got."""

    provider: TracerProvider
    exporter: InMemorySpanExporter

    @property
    def ended(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()

    def named(self, name: str) -> list[ReadableSpan]:
        """In the order in which they began."""
        found = [span for span in self.ended if span.name == name]
        return sorted(found, key=lambda span: span.start_time or 0)

    def one(self, name: str) -> ReadableSpan:
        [span] = self.named(name)
        return span


def id_of(span: ReadableSpan) -> int:
    assert span.context is not None
    return span.context.span_id


def trace_of(span: ReadableSpan) -> int:
    assert span.context is not None
    return span.context.trace_id


def parent_of(span: ReadableSpan) -> int | None:
    return None if span.parent is None else span.parent.span_id


def links_of(span: ReadableSpan, kind: str) -> set[int]:
    """Where its links of that kind lead to."""
    return {
        link.context.span_id
        for link in span.links
        if link.attributes and link.attributes["flowworker.link"] == kind
    }


def said_of(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})
