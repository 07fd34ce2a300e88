"""Real processes export their spans by OTLP, and what they still have when they end."""

from __future__ import annotations

import asyncio
import signal

import nats
import pytest

from flowworker.embedded import EmbeddedServer
from integration.cli.collector import Collector, collecting
from integration.cli.commands import APP, WORKFLOWS, Commands, ended, until
from tests.support.waiting import WAIT_LIMIT, blocking_eventually

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def collector():
    with collecting() as running:
        yield running


@pytest.fixture
def commands(collector: Collector):
    """Of a fleet that exports only when a process ends, or has very many spans."""
    with EmbeddedServer() as server:
        commands = Commands(
            server.url,
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint,
            OTEL_BSP_SCHEDULE_DELAY="3600000",
            FLOWWORKER_DRAIN="600",
        )
        commands("setup")
        commands("register", str(WORKFLOWS))
        yield commands


async def start(url: str, workflow: str) -> None:
    client = await nats.connect(url)
    headers = {"Nats-Msg-Id": "r1", "traceparent": f"00-{TRACE}-{CALLER}-01"}
    await client.jetstream().publish(f"flowworker.start.{workflow}", b"{}", headers=headers)
    await client.close()


def test_the_spans_of_a_fleet_are_one_trace(commands, collector):
    # Given a run that a coordinator and a worker have done
    worker = ("worker", "--app", APP)
    with commands.running("coordinator") as coordinator, commands.running(*worker) as worker:
        asyncio.run(start(commands.url, "sum"))
        until(commands, "r1", "COMPLETED")

        # When both are asked to end
        assert collector.named("run first") == []
        ended(worker, signal.SIGTERM)
        ended(coordinator, signal.SIGTERM)

    # Then the collector has the whole trace, in that of the caller
    found = [collector.one(name) for name in ("run sum", "run first", "run second")]
    services, (run, first, second) = zip(*found, strict=True)
    assert services == ("flowworker-coordinator", "flowworker-worker", "flowworker-worker")
    assert {span.trace_id.hex() for span in (run, first, second)} == {TRACE}
    assert run.parent_span_id.hex() == CALLER
    assert first.parent_span_id == second.parent_span_id == run.span_id
    assert [link.span_id for link in second.links] == [first.span_id]
    assert run.start_time_unix_nano <= first.start_time_unix_nano < run.end_time_unix_nano


@pytest.mark.chaos
def test_a_second_signal_leaves_time_to_export_what_has_ended(commands, collector):
    # Given a worker that has done one step, and has another one that takes long
    with commands.running("coordinator"), commands.running("worker", "--app", APP) as worker:
        asyncio.run(start(commands.url, "sum"))
        until(commands, "r1", "COMPLETED")
        commands("start", "long", "--id", "r2")
        until(commands, "r2", "RUNNING")
        blocking_eventually(lambda: "workflow.step.started" in commands("history", "r2"))

        # When it gets two signals
        worker.send_signal(signal.SIGTERM)
        worker.send_signal(signal.SIGINT)
        worker.wait(WAIT_LIMIT)

    # Then what had ended is exported, and what had not is not
    assert worker.returncode in {128 + signal.SIGINT, 128 + signal.SIGTERM}  # in either order
    collector.one("run first")
    assert collector.named("run nap") == []
