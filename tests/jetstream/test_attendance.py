"""What `doctor` makes of who is there."""

from __future__ import annotations

from collections import Counter

import pytest
from msgspec.structs import replace

from flowworker.codec.json import encode
from flowworker.codec.presence import Presence, presence_keys
from flowworker.jetstream.attendance import Attendance
from flowworker.ports import Entry

NOW = 1_700_000_000.0


def entries(*members: tuple[Presence, tuple[str, ...]]) -> list[Entry]:
    return [
        Entry(key, encode(presence), NOW, 1.0)
        for presence, queues in members
        for key in presence_keys(presence, queues)
    ]


def coordinator(name: str = "c1", *, at: float = NOW) -> tuple[Presence, tuple[str, ...]]:
    return Presence("coordinator", name, at=at), ()


def worker(
    name: str, *queues: str, handlers: tuple[str, ...] = ("add",), at: float = NOW
) -> tuple[Presence, tuple[str, ...]]:
    known = dict.fromkeys(handlers, "digest")
    return Presence("worker", name, at=at, slots=4, running=1, handlers=known), queues


ALL = dict.fromkeys(range(4), "c1")


def test_nobody_works():
    finding = Attendance([], {}).processes()

    assert (finding.ok, finding.found) == (False, "nobody works here")
    assert "start a coordinator and a worker" in finding.advice


def test_who_is_there_is_counted_once_whatever_queues_it_serves():
    there = Attendance(
        entries(coordinator(), worker("w1", "default", "gpu"), worker("w2", "gpu")), ALL
    )

    finding = there.processes()

    assert finding.ok
    assert finding.found == "1 coordinators and 2 workers are there, 2 of 8 slots are busy"
    assert (there.workers("default"), there.workers("gpu"), there.workers("none")) == (1, 2, 0)


def test_a_coordinator_of_an_older_release_says_nothing_and_works():
    finding = Attendance([], ALL).processes()

    assert finding.ok
    assert finding.advice == "start a worker for each queue"


def test_what_cannot_be_read_is_nobody():
    broken = Entry("present.worker.default.w1", b"{", NOW, 1.0)

    assert Attendance([broken], {}).workers("default") == 0


def test_all_partitions_are_driven():
    finding = Attendance([], ALL).partitions(4, "0 events wait")

    assert (finding.ok, finding.found) == (True, "0 events wait, 4 of 4 driven")


def test_partitions_that_nobody_drives_are_a_problem():
    finding = Attendance([], {0: "c1", 2: "c1"}).partitions(4, "0 events wait")
    none = Attendance([], {}).partitions(8, "0 events wait")

    assert not finding.ok
    assert finding.found == "0 events wait, 2 of 4 driven: nobody drives 1, 3"
    assert finding.advice.startswith("start a coordinator")
    assert none.found.endswith("0 of 8 driven: nobody drives 0, 1, 2, 3, 4 and 3 more")


def test_handlers_that_no_worker_of_the_queue_has_are_a_problem():
    there = Attendance(
        entries(worker("w1", "default"), worker("w2", "gpu", handlers=("draw",))), ALL
    )

    finding = there.handlers("default", Counter({"add": 3, "draw": 2}))

    assert finding is not None
    assert not finding.ok
    assert finding.found == "no worker of the queue has draw (2), which steps wait for"
    assert "--queue default" in finding.advice


def test_handlers_that_any_worker_of_the_queue_has_are_enough():
    there = Attendance(
        entries(worker("w1", "default"), worker("w2", "default", handlers=("draw",))), ALL
    )

    finding = there.handlers("default", Counter(add=1, draw=1))

    assert finding is not None
    assert finding.ok


def test_of_handlers_nothing_is_said_without_steps_or_workers():
    there = Attendance(entries(worker("w1", "default")), ALL)

    assert there.handlers("default", Counter()) is None
    assert there.handlers("gpu", Counter(draw=1)) is None


@pytest.mark.parametrize(
    ("at", "found"),
    [
        (NOW + 90, "that of w1 is 90.0 s ahead"),
        (NOW - 90, "that of w1 is 90.0 s behind"),
        (NOW - 5, ""),
        (NOW + 0.5, ""),
    ],
)
def test_a_clock_that_is_not_the_servers_is_a_problem(at, found):
    finding = Attendance(entries(coordinator(), worker("w1", "default", at=at)), ALL).clocks()

    assert finding.ok is (not found)
    assert finding.found == (found or "those of 2 processes are right")


def test_who_hides_less_than_the_fleet_is_a_problem():
    old, _ = worker("w3")
    there = Attendance(
        entries(
            (replace(coordinator()[0], hides=("password", "token", "mine")), ()),
            (replace(worker("w1")[0], hides=("token",)), ("default",)),
            (old, ("default",)),
        ),
        ALL,
    )

    finding = there.hiding(["password", "token"])

    assert finding is not None
    assert not finding.ok
    assert finding.found == (
        "w1 does not hide password, w3 is of a release that does not say what it hides"
    )
    assert finding.advice.startswith("start these anew")


def test_who_hides_more_than_the_fleet_is_none():
    said = replace(coordinator()[0], hides=("password", "token"))
    there = Attendance(entries((said, ())), ALL)

    finding = there.hiding(["token"])

    assert finding is not None
    assert finding.ok
    assert there.hiding([]) is None
