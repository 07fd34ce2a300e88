"""How a process traces: as its application does, or as the standard variables say.

`OTEL_*` are those of OpenTelemetry's specification. The SDK reads most of them by itself: sampler,
limits, endpoint, headers, resource.
"""

from __future__ import annotations

__all__ = ["application_tracing", "current_trace", "process_tracing"]

import sys
from typing import TYPE_CHECKING, Any

from flowworker.errors import InvalidInput
from flowworker.telemetry.log import get_logger
from flowworker.telemetry.tracing import NO_TRACING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowworker.telemetry.tracing import Tracing

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


def application_tracing(namespace: str) -> Tracing:
    """By means of the tracer provider that this process has, if it is one of the SDK's."""
    if "opentelemetry.sdk.trace" not in sys.modules:
        return NO_TRACING
    from opentelemetry import trace  # noqa: PLC0415 - an extra, and slow to import
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415

    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        return NO_TRACING
    from flowworker.telemetry.otel import tracing_with  # noqa: PLC0415

    return tracing_with(provider, namespace)


def current_trace() -> dict[str, str]:
    """The span in which this is called, as headers; none for none."""
    headers: dict[str, str] = {}
    if "opentelemetry.trace" in sys.modules:
        from opentelemetry.trace.propagation import tracecontext  # noqa: PLC0415

        tracecontext.TraceContextTextMapPropagator().inject(headers)
    return headers


def process_tracing(environment: Mapping[str, str], namespace: str, service: str) -> Tracing:
    """As the application in this process does, or as the environment says.

    Args:
        environment: variables.
        namespace: whose runs are traced.
        service: name of this process, unless the environment has another one.

    Raises:
        InvalidInput: an exporter is wanted that is not installed, or a variable is of no use.
    """
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return NO_TRACING
    found = application_tracing(namespace)
    names = _exporters(environment)
    if found.on or not names:
        return found
    try:
        import opentelemetry.sdk.trace  # noqa: F401, PLC0415
    except ImportError:
        get_logger().warning(
            "nothing is traced: OTEL_ variables ask for it, and the extra is not installed",
            install="pip install 'flowworker[otel]'",
        )
        return NO_TRACING
    try:
        _set_up(names, service)
    except ValueError as error:  # the SDK's, for some variables; for others it takes its default
        raise InvalidInput(f"tracing cannot be set up by the OTEL_ variables: {error}") from error
    return application_tracing(namespace)


def _exporters(environment: Mapping[str, str]) -> list[str]:
    """The exporters that are asked for, by the names of their entry points."""
    text = environment.get("OTEL_TRACES_EXPORTER", "")
    if not text and any(environment.get(name) for name in _ENDPOINTS):
        text = "otlp"
    names = [name.strip() for name in text.split(",")]
    protocols = (environment[name] for name in _PROTOCOLS if environment.get(name))
    otlp = "otlp_proto_grpc" if next(protocols, "") == "grpc" else "otlp_proto_http"
    return [otlp if name == "otlp" else name for name in names if name not in {"", "none"}]


def _exporter(name: str) -> Any:
    from importlib.metadata import entry_points  # noqa: PLC0415 - slow to import

    found = entry_points(group="opentelemetry_traces_exporter", name=name)
    for entry in found:
        return entry.load()()
    package = f"opentelemetry-exporter-{name.replace('_', '-')}"
    raise InvalidInput(f"there is no exporter {name!r} for traces; install {package}, or another")


def _set_up(names: list[str], service: str) -> None:
    """Make the provider of this process, for us and for whatever else traces in it."""
    from opentelemetry import trace  # noqa: PLC0415
    from opentelemetry.sdk.resources import (  # noqa: PLC0415
        SERVICE_NAME,
        OTELResourceDetector,
        Resource,
    )
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    given = OTELResourceDetector().detect().attributes
    provider = TracerProvider(
        resource=Resource.create({SERVICE_NAME: service, **given}),
        shutdown_on_exit=False,  # it would wait for a collector that is away
    )
    for name in names:
        provider.add_span_processor(BatchSpanProcessor(_exporter(name)))
    trace.set_tracer_provider(provider)
