"""The fleet in worlds of faults: a short run of what `make sim` does at length."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from prometheus_client import CollectorRegistry

from flowworker.telemetry.metrics import Metrics
from simulation.campaign import live
from simulation.world import World

SEEDS = 40
CHUNK = 10

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.usefixtures("uncovered"),  # tests of the rooms cover what they do
]


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_whatever_goes_wrong_the_invariants_hold(first):
    tally = live(range(first, first + CHUNK))

    assert [(failed.seed, failed.violations) for failed in tally.failed] == []
    assert tally.worlds == CHUNK


def test_enough_goes_wrong_to_matter():
    tally = live([2, 23, 1067, 1109, *range(1040, 1052), *range(1080, 1093)])

    seen, faults = tally.seen, tally.faults
    for what in (
        "attempt CANCELLED",
        "cancellation ignored",
        "claim taken over",
        "claim to compensate",
        "claim to fallback",
        "fenced: never claimed",
        "fenced: revoked",
        "given up",
        "lease renewed",
        "run CANCELLED",
        "run COMPLETED",
        "run FAILED",
        "run WAITING_HUMAN",
        "workflow.timed_out",
    ):
        assert seen[what] > 0, what
    for what in (
        "approval COMPLETED",
        "end COMPLETED",
        "failure passed over",
        "finally",
        "for_each COMPLETED",
        "group COMPLETED",
        "instance COMPLETED",
        "instance FAILED",
        "iteration",
        "kept COMPLETED",
        "repeat COMPLETED",
        "repeat FAILED",
        "signal taken",
        "sleep COMPLETED",
        "until COMPLETED",
        "wait_for COMPLETED",
        "when false",
        "when true",
        "with",
        "workflow COMPLETED",
    ):
        assert tally.constructs[what] > 0, what
    for what in (
        "ack lost",
        "conflict",
        "deluded owner",
        "delivery taken away",
        "stale reads",
        "stalled",
    ):
        assert faults[what] > 0, what
    assert faults["death before an effect"] + faults["death after an effect"] > 0
    assert not tally.failed


def test_a_seed_gives_the_same_world_every_time():
    worlds = [World(7, Metrics(CollectorRegistry()), keep_trace=True).run() for _ in range(2)]

    assert worlds[0] == worlds[1]
    assert len(worlds[0].trace) > 100


def test_watching_changes_nothing():
    seen = World(8, Metrics(CollectorRegistry()), keep_trace=True).run()
    unseen = World(8, Metrics(CollectorRegistry())).run()

    assert (seen.turns, seen.moment, seen.faults) == (unseen.turns, unseen.moment, unseen.faults)


def test_a_seed_gives_the_same_world_in_every_process():
    here = live([9], keep_trace=True)
    other = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    command = [sys.executable, "-m", "simulation", "--seed", "9"]
    environment = {**os.environ, "PYTHONHASHSEED": other}
    there = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)

    assert here.digest
    assert f"trace {here.digest}\n" in there.stdout
