"""What a real worker process logs of an attempt: every line says which one it is of."""

from __future__ import annotations

import asyncio
import json
import signal
from collections import defaultdict

import nats

from flowworker.embedded import EmbeddedServer
from integration.cli.commands import Commands, ended, until

WORKFLOW = """
name: loud
steps:
  - {id: first, uses: talk}
  - {id: second, uses: talk.plain, depends_on: [first]}
"""

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"

SAID = {
    "first": {
        "by logging",
        "by structlog",
        "by the context",
        "in a child task",
        "in a thread of asyncio",
        "attempt started",
        "attempt ended",
    },
    "second": {"in the thread of a plain function", "attempt started", "attempt failed"},
}


async def start(url: str) -> None:
    """As a client that is in a trace does."""
    client = await nats.connect(url)
    headers = {"Nats-Msg-Id": "r1", "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
    await client.jetstream().publish("flowworker.start.loud", b"{}", headers=headers)
    await client.close()


def test_every_line_of_an_attempt_names_it(tmp_path):
    (tmp_path / "loud.yaml").write_text(WORKFLOW)
    with EmbeddedServer() as server:
        commands = Commands(server.url)
        commands("setup")
        commands("register", str(tmp_path / "loud.yaml"))
        app = ("--app", "integration.cli.talking_handlers:app", "--log-level", "debug")
        with commands.running("coordinator"), commands.running("worker", *app) as worker:
            asyncio.run(start(server.url))
            until(commands, "r1", "FAILED")
            lines = [json.loads(line) for line in ended(worker, signal.SIGTERM).splitlines()]

    said = defaultdict(set)
    for line in lines:
        if "step" in line or line["event"] in SAID["first"] | SAID["second"]:
            said[line["step"]].add(line["event"])
            names = {"run": "r1", "workflow": "loud", "kind": "run", "turn": 1, "attempt": 1}
            assert line.items() >= {**names, "trace_id": TRACE}.items()
            assert line["worker"]
    assert all(said[step] >= expected for step, expected in SAID.items())
    assert len({line["worker"] for line in lines if "worker" in line}) == 1
