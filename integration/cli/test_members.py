"""`workers` and `coordinators`: who is there."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from flowworker.cli.members import ranges
from flowworker.embedded import EmbeddedServer
from integration.cli.commands import APP, Commands, ended
from tests.support.waiting import blocking_eventually


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer() as running:
        yield running


def named(server: EmbeddedServer, namespace: str) -> Commands:
    commands = Commands(server.url, FLOWWORKER_NAMESPACE=namespace)
    commands("setup", "--queue", "default", "--queue", "gpu")
    return commands


def test_in_an_empty_namespace_nobody_is_there(server):
    commands = named(server, "empty")

    assert commands("workers") == "no worker is there\n"
    assert commands("coordinators") == "no coordinator is there\n"
    assert commands("workers", "--json") == ""


def test_a_fleet_is_seen_and_who_ends_in_order_is_seen_no_more(server):
    commands = named(server, "seen")
    queues = ("--queue", "default", "--queue", "gpu")
    with (
        commands.running("coordinator") as first,
        commands.running("coordinator") as second,
        commands.running("worker", "--app", APP, *queues, "--concurrency", "3") as worker,
    ):

        def all_partitions() -> list[int]:
            return sorted(p for one in commands.lines("coordinators") for p in one["partitions"])

        blocking_eventually(lambda: all_partitions() == list(range(16)), "16 partitions")
        blocking_eventually(lambda: len(commands.lines("workers")) == 1, "a worker")
        [one] = commands.lines("workers")
        assert (one["pid"], one["queues"], one["slots"]) == (worker.pid, ["default", "gpu"], 3)
        assert (one["running"], one["draining"]) == (0, False)
        assert len(one["handlers"]["add"]) == 16
        assert one["age"] < 30
        assert abs(one["clock"]) < 5
        assert {each["pid"] for each in commands.lines("coordinators")} == {first.pid, second.pid}
        head, row = commands("workers").splitlines()
        assert head.split()[:4] == ["ID", "STATE", "BUSY", "UP"]
        assert row.startswith(f"{one['id']}  READY  0/3")
        assert " default gpu " in row
        assert commands("workers", "--queue", "other") == "no worker is there\n"
        assert len(commands("workers", "--queue", "gpu").splitlines()) == 2

        ended(worker, signal.SIGTERM)
        assert commands.lines("workers") == []
        ended(first, signal.SIGTERM)
        assert [each["pid"] for each in commands.lines("coordinators")] == [second.pid]
        blocking_eventually(lambda: all_partitions() == list(range(16)), "16 partitions")
        assert " 0-15" in commands("coordinators")


def test_the_fleet_of_dev_is_seen(dev):
    blocking_eventually(lambda: dev.lines("workers") and dev.lines("coordinators"))

    [coordinator] = dev.lines("coordinators")
    [worker] = dev.lines("workers")
    assert coordinator["pid"] == worker["pid"]
    assert coordinator["partitions"] == list(range(16))


def test_numbers_that_follow_each_other_are_one_range():
    assert ranges([]) == ""
    assert ranges([0, 1, 2, 5, 7, 8]) == "0-2 5 7-8"
