"""Whether a process traces, and where to: what the environment says, or its application."""

from __future__ import annotations

import builtins
import sys
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
from opentelemetry.util._once import Once

from flowworker.errors import InvalidInput
from flowworker.telemetry.exporting import application_tracing, process_tracing
from flowworker.telemetry.tracing import NO_TRACING, Tracing

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}


@pytest.fixture(autouse=True)
def no_provider(monkeypatch):
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", Once())


def tracing(**environment: str) -> Tracing:
    return process_tracing(environment, "flowworker", "flowworker-worker")


@pytest.fixture
def exporters(monkeypatch):
    """Those that providers get; they are shut down before they export anything."""
    found: list[Any] = []
    processors: list[BatchSpanProcessor] = []

    def note(provider, processor):
        processors.append(processor)
        found.append(processor.span_exporter)

    monkeypatch.setattr(TracerProvider, "add_span_processor", note)
    yield found
    for each in processors:
        each.shutdown()


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"OTEL_TRACES_EXPORTER": "none", **ENDPOINT},
        {"OTEL_SDK_DISABLED": "true", **ENDPOINT},
        {"OTEL_SERVICE_NAME": "shop"},
    ],
)
def test_nothing_is_traced_unless_it_is_asked_for(environment):
    assert tracing(**environment) is NO_TRACING


@pytest.mark.parametrize(
    ("environment", "kinds"),
    [
        (ENDPOINT, [OTLPSpanExporter]),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1/t"}, [OTLPSpanExporter]),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, [OTLPSpanExporter]),
        ({"OTEL_TRACES_EXPORTER": "console, otlp"}, [ConsoleSpanExporter, OTLPSpanExporter]),
    ],
)
def test_the_standard_variables_say_where_to(exporters, environment, kinds):
    assert tracing(**environment).on
    assert [type(each) for each in exporters] == kinds


@pytest.mark.parametrize(
    ("environment", "name", "package"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "zipkin", "opentelemetry-exporter-zipkin"),
        (
            {**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "otlp_proto_grpc",
            "opentelemetry-exporter-otlp-proto-grpc",
        ),
    ],
)
def test_an_exporter_that_is_not_installed_is_named(environment, name, package):
    with pytest.raises(InvalidInput, match=f"no exporter '{name}' .* install {package},"):
        tracing(**environment)


@pytest.mark.parametrize(
    ("variable", "value", "why"),
    [
        ("OTEL_BSP_MAX_QUEUE_SIZE", "1", "max_export_batch_size must be less than"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "many", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT must be"),
    ],
)
def test_variables_that_the_sdk_cannot_use_are_said(monkeypatch, variable, value, why):
    monkeypatch.setenv(variable, value)

    with pytest.raises(InvalidInput, match=f"by the OTEL_ variables: {why}"):
        tracing(**ENDPOINT)


def test_a_process_is_called_after_what_it_does_unless_it_has_a_name(exporters, monkeypatch):
    tracing(**ENDPOINT)
    provider = trace.get_tracer_provider()
    assert isinstance(provider, TracerProvider)
    assert provider.resource.attributes["service.name"] == "flowworker-worker"

    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", Once())
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop")
    tracing(**ENDPOINT)
    provider = trace.get_tracer_provider()
    assert isinstance(provider, TracerProvider)
    assert provider.resource.attributes["service.name"] == "shop"


def test_an_application_that_traces_goes_before_the_variables(exporters, monkeypatch):
    provider = TracerProvider(shutdown_on_exit=False)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)

    assert tracing(OTEL_TRACES_EXPORTER="zipkin").on
    assert exporters == []
    assert trace.get_tracer_provider() is provider


def test_without_the_sdk_nothing_is_traced_and_nothing_is_imported(monkeypatch):
    monkeypatch.delitem(sys.modules, "opentelemetry.sdk.trace")

    assert application_tracing("flowworker") is NO_TRACING


def test_a_missing_extra_is_a_warning(monkeypatch, caplog):
    real = builtins.__import__

    def without(name, *arguments, **options):
        if name.startswith("opentelemetry"):
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.delitem(sys.modules, "opentelemetry.sdk.trace")
    monkeypatch.setattr(builtins, "__import__", without)

    assert tracing(**ENDPOINT) is NO_TRACING
    [record] = caplog.records
    assert "flowworker[otel]" in record.message
