"""Events of a partition to runs in memory: what is begun, loaded, followed, acknowledged."""

from __future__ import annotations

import asyncio

import pytest

from flowworker.codec.cloudevents import EventData, cloud_event
from flowworker.codec.json import encode
from flowworker.coordinator.driving.scheduler import CREDIT
from flowworker.core.event_types import EventType
from flowworker.core.facts import CancelRequested, RunStarted
from flowworker.core.status import Kind, RunStatus
from flowworker.errors import Conflict, CorruptRecord, Unavailable
from flowworker.testing.clock import settle
from tests.coordinator.partition import RUN, in_memory


def event(event_type, **data):
    return encode(cloud_event("ns", event_type, EventData(RUN, **data), 0.0))


STARTED = event(EventType.STARTED, name="two", revision=1)
CANCEL = event(EventType.CANCEL_REQUESTED, reason="why")
WHY = ("follow", CancelRequested("why"))


async def test_what_an_event_is_about_depends_on_when_it_came_and_how_often(deliver, held):
    assert await deliver(CANCEL) == ["ack"]
    assert await deliver(CANCEL, delivered=2) == ["ack"]
    assert await deliver(CANCEL, skipped=1) == ["ack"]
    assert await deliver(CANCEL) == ["ack"]

    assert held.views == [(0, False), (0, True), (1, False), (1, False)]
    assert held.generation == 1


async def test_a_run_in_memory_is_followed_there(deliver, held):
    held.hold(in_memory())

    assert await deliver(STARTED) == ["ack"]
    assert await deliver(CANCEL) == ["ack"]

    assert held.asked == [("follow", RunStarted()), WHY]


@pytest.mark.parametrize("error", [None, Conflict("another was faster")])
async def test_what_changes_nothing_may_be_about_a_run_that_is_stale(deliver, held, error):
    held.hold(in_memory())
    held.changes = [False]
    held.errors = [error] if error else []

    assert await deliver(CANCEL) == ["ack"]

    assert held.asked == [WHY, "rebuild", WHY]


async def test_what_changes_nothing_in_the_records_is_done(deliver, held):
    held.changes = [False]

    assert await deliver(CANCEL) == ["ack"]

    assert held.asked == [WHY]


async def test_a_fact_that_cannot_be_yet_is_not_followed_in_a_stale_run(deliver, held):
    held.hold(in_memory())
    completed = {"step_id": "b", "kind": Kind.RUN, "turn": 1, "number": 1}

    assert await deliver(event(EventType.STEP_COMPLETED, **completed)) == ["ack"]

    assert [each if isinstance(each, str) else each[0] for each in held.asked] == [
        "rebuild",
        "follow",
    ]


@pytest.mark.parametrize(
    ("viewed", "asked"), [(in_memory(), [WHY, "rebuild"]), (None, [])], ids=["held", "unknown"]
)
async def test_a_run_that_is_gone_needs_nothing(deliver, held, viewed, asked):
    held.hold(viewed)
    held.rebuilt = None
    held.changes = [False]

    assert await deliver(CANCEL) == ["ack"]

    assert held.asked == asked


async def test_what_tells_nothing_changes_nothing(deliver, held):
    held.hold(in_memory())

    assert await deliver(event(EventType.HUMAN_DECIDED)) == ["ack"]

    assert held.asked == []


async def test_a_run_that_is_over_is_forgotten(deliver, held):
    held.hold(in_memory(status=RunStatus.COMPLETED))

    assert await deliver(CANCEL) == ["ack"]

    assert held.asked == [WHY, "forget"]


@pytest.mark.parametrize(("data", "run"), [(b"junk", RUN), (STARTED, "a$b"), (STARTED, "a" * 129)])
async def test_what_can_be_no_event_of_a_run_does_not_come_again(deliver, held, data, run):
    assert await deliver(data, run=run) == ["ack"]

    assert held.asked == []


@pytest.mark.parametrize(
    ("error", "delivered", "delay"),
    [
        (CorruptRecord("run.r1", b"", "damaged"), 1, 10.0),
        (CorruptRecord("run.r1", b"", "damaged"), 3, 40.0),
        (Unavailable("away"), 1, 0.5),
        (Unavailable("away"), 3, 2.0),
        (Unavailable("away"), 99, 8.0),
        (Conflict("late"), 3, 0.5),
        (ValueError("a defect"), 3, 0.5),
    ],
)
async def test_an_event_whose_effects_fail_comes_again(deliver, held, error, delivered, delay):
    held.errors = [error]

    assert await deliver(CANCEL, delivered=delivered) == [delay]


async def test_a_damaged_run_is_named_now_and_then(deliver, held, clock, logs):
    named = []
    for seconds, run in ((0, "r1"), (200, "r1"), (0, "r2"), (100, "r1"), (0, "r2"), (200, "r2")):
        await clock.advance(seconds)
        held.errors = [CorruptRecord(f"run.{run}", b"", "damaged")]
        before = len(logs.lines)
        await deliver(CANCEL, run=run)
        named.append([line["run"] for line in logs.lines[before:]])

    assert named == [["r1"], [], ["r2"], ["r1"], [], ["r2"]]


async def test_an_event_is_acknowledged_when_its_delayed_dispatches_are_made(deliver, held):
    due = asyncio.get_running_loop().create_future()
    held.hold(in_memory())
    held.viewed.delayed = {due}

    answers = await deliver(CANCEL)
    assert answers == []
    due.set_result(None)
    await settle()

    assert answers == ["ack"]
    assert held.asked == [WHY]


async def test_an_event_whose_delayed_dispatches_fail_comes_again_to_a_run_that_is_forgotten(
    deliver, held
):
    due = asyncio.get_running_loop().create_future()
    held.hold(in_memory())
    held.viewed.delayed = {due}

    answers = await deliver(CANCEL)
    due.set_exception(Unavailable("away"))
    await settle()

    assert answers == [0.5]
    assert held.asked == [WHY, "forget"]


async def test_as_many_events_come_as_are_done(partition, scheduler, deliver):
    await deliver(CANCEL)
    await deliver(b"junk")
    assert partition.grants == [CREDIT, 1, 1]

    assert await scheduler.recover(RUN)

    assert partition.grants == [CREDIT, 1, 1]
    assert not scheduler.behind


async def test_what_comes_after_the_end_is_for_others(partition, scheduler, deliver, held):
    await scheduler.stop()
    assert partition.stopped

    assert await deliver(CANCEL) == []

    assert await scheduler.recover(RUN)
    assert held.asked == []


@pytest.mark.parametrize(
    ("error", "reached", "levels"),
    [
        (None, True, []),
        (Unavailable("away"), False, ["warning"]),
        (Conflict("late"), True, ["warning"]),
        (ValueError("a defect"), True, ["error"]),
    ],
)
async def test_a_recovery_tells_whether_the_server_was_reached(
    scheduler, held, logs, error, reached, levels
):
    held.errors = [error] if error else []

    assert await scheduler.recover(RUN) is reached

    assert [(line["log_level"], line["run"]) for line in logs.lines] == [
        (level, RUN) for level in levels
    ]


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("there", [True, False])
async def test_how_often_a_run_was_found_idle_outlives_its_recovery(
    scheduler, held, logs, known, there
):
    held.hold(in_memory() if known else None)
    held.rebuilt = in_memory() if there else None
    if known:
        held.viewed.checked = 3

    assert await scheduler.recover(RUN)

    assert logs.lines == []
    if held.rebuilt is not None:
        assert held.rebuilt.checked == (3 if known else 0)
