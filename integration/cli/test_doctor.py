"""`doctor`: what it finds, and what it says about it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from flowworker import wiring
from flowworker.codec.keys import SCHEDULE_NEXT
from flowworker.embedded import EmbeddedServer
from flowworker.jetstream import ConnectionOptions
from flowworker.jetstream.client.api import Api
from flowworker.jetstream.client.connection import connect
from integration.cli.commands import APP, WORKFLOWS, Commands, until
from tests.support.waiting import blocking_eventually


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer() as running:
        yield running


def test_a_fleet_that_is_well(dev):
    dev("start", "sum", "--wait")
    blocking_eventually(lambda: dev.lines("workers") and dev.lines("coordinators"))

    findings = {found["check"]: found for found in dev.lines("doctor")}

    assert all(found["ok"] for found in findings.values())
    assert findings["server"]["found"].startswith("nats-server 2.")
    assert "16 of 16 driven" in findings["partitions"]["found"]
    assert "stream FLOWWORKER_COMMANDS" in findings
    assert "from the server's" in findings["clock"]["found"]
    assert "1 coordinators and 1 workers are there" in findings["processes"]["found"]
    assert findings["clocks"]["found"] == "those of 2 processes are right"
    assert findings["durability"]["found"].startswith("process: 1 replica")
    assert "problem" not in dev("doctor")


def test_an_empty_server_is_a_problem_that_can_be_fixed(server):
    doctor = Commands(server.url, FLOWWORKER_NAMESPACE="empty")

    found = doctor("doctor", code=1)
    again = doctor("doctor", code=1)
    fixed = doctor("doctor", "--fix", "--no-fleet")
    well = doctor("doctor", "--no-fleet")
    idle = doctor("doctor", code=1)

    assert "problem streams: there is no namespace 'empty' on this server" in found
    assert "`flowworker setup --namespace empty`" in found
    assert again == found
    assert "consumer starts: as it must be" in fixed
    assert "consumer controls: as it must be" in fixed
    assert "ok      partitions: 0 events wait" in well
    assert "problem processes: nobody works here" in idle
    assert "problem partitions: 0 events wait, 0 are in flight, 0 of 16 driven" in idle
    assert "ok      queue default: 0 steps wait" in idle


def test_work_that_nobody_takes_is_a_problem(server):
    commands = Commands(server.url, FLOWWORKER_NAMESPACE="idle")
    commands("setup")
    commands("register", str(WORKFLOWS))
    run = commands("start", "sum").strip()

    found = commands("doctor", code=1)

    waits = "1 commands wait, 0 are in flight, and no process requests them"
    assert f"problem consumer starts: {waits}" in found
    assert "start a coordinator" in found
    assert APP not in found
    assert "PENDING" in commands("status", run)
    assert "waiting for a coordinator" in commands.error("cancel", run, code=4)
    late = commands.error("start", "sum", "--id", run, "--wait", "--timeout", "0.3", code=5)
    assert "accepted, and no coordinator has taken it in" in late


def test_a_stream_that_is_not_ours_is_a_problem(server):
    Commands(server.url, FLOWWORKER_NAMESPACE="first")("setup")

    # Stream names are in upper case, so that these two namespaces would share one.
    found = Commands(server.url, FLOWWORKER_NAMESPACE="First")("doctor", code=1)

    assert "problem streams: stream FIRST_COMMANDS: subjects must be" in found


def until_said(doctor: Commands, text: str) -> None:
    blocking_eventually(lambda: text in doctor.said_by("doctor"), what=text)


def test_steps_of_a_queue_without_a_worker_are_a_problem(server, tmp_path):
    commands = Commands(server.url, FLOWWORKER_NAMESPACE="alone")
    definition = tmp_path / "draw.yaml"
    definition.write_text("name: draw\nsteps: [{id: one, uses: add, queue: gpu}]\n")
    commands("setup")
    commands("register", str(definition))
    commands("start", "draw", "--id", "drawn")

    with commands.running("coordinator"):
        until_said(commands, "problem queue gpu: 1 steps wait, 0 are in flight")
        found = commands("doctor", code=1)

    assert "problem queue gpu: 1 steps wait, 0 are in flight, and no process requests them" in found
    assert "start a worker with --queue gpu" in found


def test_steps_whose_handler_no_worker_has_are_a_problem(server, tmp_path):
    commands = Commands(server.url, FLOWWORKER_NAMESPACE="unserved")
    definition = tmp_path / "draw.yaml"
    definition.write_text("name: draw\nsteps: [{id: one, uses: draw.it}]\n")
    commands("setup")
    commands("register", str(definition))
    commands("start", "draw", "--id", "drawn")

    with commands.running("coordinator"), commands.running("worker", "--app", APP):
        until_said(commands, "problem handlers default: no worker of the queue has draw.it (1)")
        found = commands("doctor", code=1)
        assert "start a worker with --queue default whose App has it" in found

        commands("cancel", "drawn")
        blocking_eventually(lambda: commands.code("doctor") == 0, what="doctor is content")


def test_steps_of_workers_that_were_killed_are_a_problem_before_they_come_again(server):
    commands = Commands(server.url, FLOWWORKER_NAMESPACE="killed", FLOWWORKER_LEASE="600")
    commands("setup")
    commands("register", str(WORKFLOWS))
    with commands.running("coordinator"), commands.running("worker", "--app", APP) as worker:
        commands("start", "long", "--id", "held", "--input", '{"seconds": 600}')
        until(commands, "held", "RUNNING")
        until_said(commands, "1 are in flight, 1 workers are there")
        worker.kill()

        until_said(commands, "and no worker is there: those that had them are gone")
        assert commands.lines("workers") == []
        assert "start a worker with --queue default" in commands("doctor", code=1)


def test_what_waits_for_too_long_is_a_problem(server):
    commands = Commands(server.url, FLOWWORKER_NAMESPACE="slowly")
    commands("setup")
    commands("register", str(WORKFLOWS))
    more = ("--concurrency", "1")
    with commands.running("coordinator"), commands.running("worker", "--app", APP, *more):
        for run in ("first", "second", "third"):
            commands("start", "long", "--id", run, "--input", '{"seconds": 600}')

        def lags() -> bool:
            return ", the first for " in commands.said_by("doctor", "--lag", "0")

        blocking_eventually(lags, what="a lag")
        assert "start more workers with --queue default" in commands.said_by("doctor", "--lag", "0")
        assert "the first for" not in commands.said_by("doctor", "--lag", "100000")


def test_a_max_payload_that_the_settings_exceed_is_a_problem(server):
    commands = Commands(server.url, FLOWWORKER_NAMESPACE="large")
    commands("setup")

    found = Commands(server.url, FLOWWORKER_NAMESPACE="large", FLOWWORKER_MESSAGE_LIMIT="1048576")(
        "doctor", code=1
    )

    assert "problem max_payload: messages of up to 1,048,576 bytes; message_limit=1048576" in found
    assert "raise the server's max_payload" in found


def test_settings_that_the_fleet_would_refuse_are_a_problem(server):
    Commands(server.url, FLOWWORKER_NAMESPACE="slow", FLOWWORKER_LEASE="60")("setup")
    other = Commands(server.url, FLOWWORKER_NAMESPACE="slow", FLOWWORKER_LEASE="20")

    same = Commands(server.url, FLOWWORKER_NAMESPACE="slow", FLOWWORKER_LEASE="60")(
        "doctor", "--no-fleet"
    )
    found = other("doctor", code=1)

    assert "settings: those of the fleet" in same
    assert "problem settings: FLOWWORKER_LEASE: 20.0 here, 60.0 in the fleet" in found
    assert "`flowworker setup`, with the new value, changes the fleet's" in found


async def fill(options: ConnectionOptions) -> None:
    connection = await connect(options)
    await Api(connection).call("STREAM.CREATE.FULL", {"name": "FULL", "subjects": ["full"]})
    for _ in range(19):
        await connection.requests.ask("full", bytes(100_000))
    await connection.close()


def test_an_account_without_room_is_a_problem():
    account = "{jetstream: {max_file: 2000000}, users: [{user: me, password: secret}]}"
    with EmbeddedServer(config=f"accounts: {{ours: {account}}}") as server:
        doctor = Commands(server.url, FLOWWORKER_USER="me", FLOWWORKER_PASSWORD="secret")
        before = doctor("doctor", "--fix", "--no-fleet")
        asyncio.run(fill(ConnectionOptions(url=server.url, user="me", password="secret")))
        after = doctor("doctor", code=1)

    assert "ok      jetstream: on" in before
    assert "problem jetstream: nearly full: 1,9" in after
    assert "of 2,000,000 bytes on disk" in after


async def _lose_timer(url: str, namespace: str, schedule: str) -> None:
    async with wiring.nats(url, namespace=namespace) as backend:
        await backend.timers.clear(schedule, SCHEDULE_NEXT)


def test_a_schedule_that_nothing_moves_on_is_a_problem(server):
    commands = Commands(server.url, FLOWWORKER_NAMESPACE="timed")
    commands("setup")
    commands("register", str(WORKFLOWS))
    with commands.running("coordinator"):
        for one in ("resting", "paused"):
            commands("schedule", "create", one, "sum", "--every", "1d")
        commands("schedule", "pause", "paused")
        until_said(commands, "ok      schedules: 1 have a time to come")

        asyncio.run(_lose_timer(server.url, "timed", "resting"))
        found = commands("doctor", code=1)

        lost = "nothing gives schedule resting a next turn: the timer is lost"
        assert f"problem schedules: {lost}" in found
        assert "start a coordinator anew" in found
    with commands.running("coordinator"):
        until_said(commands, "ok      schedules: 1 have a time to come")
