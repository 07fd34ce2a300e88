"""A coordinator and a worker trace to a real OpenTelemetry Collector, as the variables say."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import nats
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from deploy.checks.telemetry.server import CollectorServer
from flowworker.embedded import EmbeddedServer
from integration.cli.collector import Collector, collecting
from integration.cli.commands import Commands, ended, until

APP = "deploy.checks.prometheus.handlers:app"
WORKFLOWS = Path(__file__).parent / "workflows.yaml"
TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


async def start(url: str) -> None:
    client = await nats.connect(url)
    headers = {"Nats-Msg-Id": "r1", "traceparent": f"00-{TRACE}-{CALLER}-01"}
    await client.jetstream().publish("flowworker.start.goods.ship", b"{}", headers=headers)
    await client.close()


@pytest.fixture
def received(tmp_path: Path):
    """What a collector has got of a fleet, once that has done a run and has ended."""
    with (
        collecting() as peer,
        CollectorServer(tmp_path, peer.endpoint) as collector,
        EmbeddedServer() as server,
    ):
        commands = Commands(server.url, OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint)
        commands("setup")
        commands("register", str(WORKFLOWS))
        with (
            commands.running("coordinator") as coordinator,
            commands.running("worker", "--app", APP) as worker,
        ):
            asyncio.run(start(commands.url))
            until(commands, "r1", "COMPLETED")
            ended(worker, signal.SIGTERM)
            ended(coordinator, signal.SIGTERM)
        yield peer


def texts(of: Span | Span.Link) -> dict[str, str]:
    """The attributes that are texts."""
    return {each.key: each.value.string_value for each in of.attributes}


def links(span: Span) -> set[tuple[str, bytes]]:
    return {(texts(link)["flowworker.link"], link.span_id) for link in span.links}


def test_a_collector_gets_the_trace_of_a_run(received: Collector):
    service, run = received.one("run goods.ship")
    _, pack = received.one("run pack")
    by, ship = received.one("run ship")
    refused, weighed = sorted(
        (span for _, span in received.named("run weigh")), key=lambda span: span.end_time_unix_nano
    )
    attempts = (pack, refused, weighed, ship)

    # Then all of it is in the trace of whoever started the run
    assert (service, by) == ("flowworker-coordinator", "flowworker-worker")
    assert {span.trace_id.hex() for span in (run, *attempts)} == {TRACE}
    assert run.parent_span_id.hex() == CALLER
    assert {span.parent_span_id for span in attempts} == {run.span_id}
    assert (run.kind, {span.kind for span in attempts}) == (
        Span.SPAN_KIND_SERVER,
        {Span.SPAN_KIND_CONSUMER},
    )

    # And the retry leads to the attempt before, the join to all that it depends on
    assert links(pack) == links(refused) == set()
    assert links(weighed) == {("retry", refused.span_id)}
    assert links(ship) == {("dependency", pack.span_id), ("dependency", weighed.span_id)}

    # And it says how each went
    assert (refused.status.code, texts(refused)["error.type"]) == (
        Status.STATUS_CODE_ERROR,
        "RuntimeError",
    )
    assert [event.name for event in refused.events] == ["exception"]
    assert texts(weighed)["flowworker.attempt.result"] == "success"
    assert texts(run)["flowworker.run.result"] == "success"
    assert texts(run)["flowworker.run.id"] == "r1"
