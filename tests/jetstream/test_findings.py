"""What `doctor` makes of the server's answers."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from flowworker.codec.pauses import Pausable
from flowworker.core.paused import Paused
from flowworker.core.standing import PauseRecord
from flowworker.jetstream import findings
from flowworker.jetstream.pauses import workflows_that_pause
from flowworker.settings import Settings
from flowworker.stores.stores import stores_of
from tests.support.backends import memory

UNLIMITED = {"max_storage": -1, "max_memory": 0}


@pytest.mark.parametrize(
    ("used", "limits", "full"),
    [
        ({"storage": 10**12, "memory": 9}, UNLIMITED, None),
        ({"storage": 899}, {"max_storage": 1000}, None),
        ({"storage": 900}, {"max_storage": 1000}, "900 of 1,000 bytes on disk"),
        ({"memory": 1000}, {"max_memory": 1000}, "1,000 of 1,000 bytes in memory"),
    ],
)
def test_an_account_that_is_nearly_full(used, limits, full):
    plain = findings.account({**used, "limits": limits})
    tiered = findings.account({"tiers": {"R3": {**used, "limits": limits}}})

    assert plain.ok == tiered.ok == (full is None)
    if full is not None:
        assert plain.found == f"nearly full: {full}"
        assert tiered.found == f"nearly full: {full} of tier R3"
        assert plain.advice


@pytest.mark.parametrize(
    ("discard", "then"), [("new", "takes nothing more"), ("old", "oldest is dropped")]
)
def test_a_stream_that_is_nearly_full(discard, then):
    config = {"name": "S", "max_bytes": 100, "max_msgs": -1, "discard": discard}

    well = findings.stream({"config": config, "state": {"messages": 3, "bytes": 89}})
    full = findings.stream({"config": config, "state": {"messages": 3, "bytes": 95}})

    assert well == findings.Finding("stream S", ok=True, found="3 messages, 0.0 MB")
    assert not full.ok
    assert full.found == "nearly full: 95 of 100 bytes"
    assert then in full.advice


def test_messages_that_the_server_would_not_take():
    settings = Settings(message_limit=1_000_000)

    well = findings.payload(1_048_576, settings)
    large = findings.payload(1_000_000, settings)
    small = findings.payload(65_536, Settings())

    assert well == findings.Finding(
        "max_payload", ok=True, found="messages of up to 1,048,576 bytes"
    )
    assert not large.ok
    assert "message_limit=1000000" in large.found
    assert "raise the server's max_payload" in large.advice
    assert not small.ok
    assert small.advice == "raise the server's max_payload to 786,432 or more"


BUSY = {"num_pending": 3, "num_ack_pending": 1, "num_waiting": 0}
IDLE = {"num_pending": 0, "num_ack_pending": 0, "num_waiting": 2}
LEFT = {"num_pending": 2, "num_ack_pending": 0, "num_waiting": 0}


@pytest.mark.parametrize(
    ("stored", "lanes", "workers", "ok", "found"),
    [
        (0, [], 0, True, "0 steps wait, 0 are in flight"),
        (4, [BUSY], 1, True, "3 steps wait, 1 are in flight, 1 workers are there"),
        (6, [BUSY, LEFT], 2, True, "5 steps wait, 1 are in flight, 2 workers are there"),
        (2, [LEFT, IDLE], 0, True, "2 steps wait, 0 are in flight"),
        (2, [LEFT], 0, False, "2 steps wait, 0 are in flight, and no process requests them"),
        (7, [{}, {}], 0, False, "7 steps wait, 0 are in flight, and no process requests them"),
        (
            *(4, [BUSY], 0, False),
            "3 steps wait, 1 are in flight, and no worker is there: those that had them are gone",
        ),
    ],
)
def test_a_queue_needs_a_worker_for_any_of_its_lanes(stored, lanes, workers, ok, found):
    finding = findings.queue("gpu", stored, lanes, workers)

    assert (finding.ok, finding.found) == (ok, found)
    assert finding.advice == ("" if ok else "no worker serves it: start a worker with --queue gpu")


SINCE = "paused since 1970-01-01 00:00:00 UTC"
HELD = {**LEFT, "paused": True}
DOWN = PauseRecord(at=0.0, last="1@0.0", paused=Paused("the bank is down", "ops"))


@pytest.mark.parametrize(
    ("lanes", "pause", "ok", "says", "advice"),
    [
        (
            *([HELD, HELD], DOWN, True),
            f"{SINCE} by ops: the bank is down",
            "`flowworker unpause --queue gpu` lets it go on",
        ),
        (
            *([HELD, {}], PauseRecord(at=0.0, last="1@0.0", paused=Paused()), True),
            SINCE,
            "`flowworker unpause --queue gpu` lets it go on",
        ),
        (
            *([HELD, LEFT], DOWN, False),
            f"{SINCE} by ops: the bank is down; but not all of its lanes",
            "`flowworker pause --queue gpu` pauses all of it, or unpause it",
        ),
        (
            *([LEFT, HELD], None, False),
            "it is paused, and no record says why",
            "`flowworker unpause --queue gpu` lets it go on",
        ),
    ],
)
def test_what_waits_in_a_paused_queue_is_no_problem_if_all_of_it_pauses(
    lanes, pause, ok, says, advice
):
    finding = findings.queue("gpu", 4, lanes, 0, late=90.0, pause=pause)

    assert (finding.ok, finding.advice) == (ok, advice)
    assert finding.found == f"4 steps wait, 0 are in flight; {says}"


async def test_workflows_that_pause_are_named_with_the_reason():
    async with memory() as backend:
        store = stores_of(backend).pauses
        await store.save(Pausable.WORKFLOW, "order.fulfil", DOWN, 0)
        await store.save(Pausable.WORKFLOW, "export", replace(DOWN, paused=None), 0)
        await store.save(Pausable.QUEUE, "bank", DOWN, 0)
        await backend.runs.put("pause.workflow.damaged", b"{")

        [finding] = await workflows_that_pause(backend.runs)

    assert (finding.check, finding.ok) == ("workflow order.fulfil", True)
    assert finding.found == f"{SINCE} by ops: the bank is down"
    assert finding.advice == "`flowworker unpause --workflow order.fulfil` lets it go on"


def test_what_has_waited_for_too_long_is_a_problem():
    steps = findings.queue("gpu", 4, [BUSY], 1, late=90.0)
    commands = findings.work("consumer starts", "commands", BUSY, late=61.0)
    left = findings.work("consumer starts", "commands", LEFT, late=61.0)

    assert not steps.ok
    assert steps.found.endswith("1 workers are there, the first for 90 s")
    assert "more workers with --queue gpu" in steps.advice
    assert commands.found == "3 commands wait, 1 are in flight, the first for 61 s"
    assert "another coordinator" in commands.advice
    assert left.advice == "start a coordinator"


@pytest.mark.parametrize(
    ("apart", "uncertain", "ok"), [(0.9, 0.0, True), (1.5, 0.6, True), (1.5, 0.4, False)]
)
def test_a_clock_is_wrong_if_no_delay_of_the_answer_explains_it(apart, uncertain, ok):
    assert findings.clock(apart, uncertain).ok is ok


def info(name, *peers, **config):
    cluster = {"cluster": {"replicas": list(peers)}} if peers else {}
    return {"config": {"name": name, "storage": "file", "num_replicas": 1, **config}, **cluster}


CURRENT = {"name": "n2", "current": True}
GONE = {"name": "n3", "current": False, "offline": True}


@pytest.mark.parametrize(
    ("streams", "found"),
    [
        ([info("A", storage="memory")], "A is in memory: it is lost when its servers end"),
        ([info("A", num_replicas=3), info("B")], "B has 1 replicas, others 3"),
        ([info("A", persist_mode="async")], "A is written behind"),
        ([info("A", CURRENT, GONE, num_replicas=3)], "n3 of A is behind or away"),
    ],
)
def test_what_is_less_durable_than_it_looks_is_a_problem(streams, found):
    finding = findings.durability(streams, "process", set(), in_memory=False)

    assert (finding.ok, finding.found) == (False, found)
    assert finding.advice


def test_what_is_as_durable_as_it_looks():
    alone = findings.durability([info("A"), info("B")], "process", set(), in_memory=False)
    memory = [info("A", storage="memory")]
    wanted = findings.durability(memory, "process", set(), in_memory=True)
    three = [info(name, CURRENT, CURRENT, num_replicas=3) for name in "AB"]
    replicated = findings.durability(three, "machine", set(), in_memory=False)
    behind = [info("A", persist_mode="async"), info("B")]
    flushed = findings.durability(behind, "power", {"A"}, in_memory=False)

    assert alone.ok
    assert alone.found == "process: 1 replica: it is lost with the server's disk"
    assert "`sync_interval: always`" in alone.advice
    assert wanted.ok
    assert flushed.ok
    assert flushed.found == "power: 1 replica: it is lost with the server's disk"
    assert "`sync_interval: always`" in flushed.advice
    assert replicated.found == "machine: 3 replicas, all up to date"
    assert not replicated.advice
