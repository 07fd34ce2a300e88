"""Processes killed in the middle of a workflow, as the demo does it; and what is left behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.waiting import WAIT_LIMIT

ROOT = Path(__file__).parents[1]

pytestmark = [pytest.mark.slow, pytest.mark.chaos]


def run_demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "examples.resume", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=WAIT_LIMIT,
        check=False,
    )


@pytest.mark.parametrize(
    ("store", "killed", "outcome"),
    [
        ("redis", "killed the runner", 'resumed by another runner (pid {}): {"shipped": "P-7"}'),
        ("nats", "killed the runner", 'resumed by another runner (pid {}): {"shipped": "P-7"}'),
        ("fleet", "killed coordinator-1", "went on by itself: COMPLETED"),
    ],
)
def test_one_who_comes_next_goes_on_where_the_dead_one_was(store, killed, outcome):
    done = run_demo("--store", store)

    assert done.returncode == 0, done.stdout + done.stderr
    assert killed in done.stdout
    assert outcome.partition("{}")[0] in done.stdout
    assert outcome.partition("{}")[2] in done.stdout
    lines = [line.split() for line in done.stdout.splitlines() if " ran " in line]
    assert {line[0]: int(line[2]) for line in lines} == {
        "reserve": 1,
        "charge": 2,
        "pack": 1,
        "ship": 1,
    }


def test_without_a_server_it_says_so():
    done = run_demo("--store", "fleet", "--url", "nats://127.0.0.1:9")

    assert done.returncode == 1
    assert "error: no NATS server at nats://127.0.0.1:9" in done.stderr
    assert "Traceback" not in done.stderr
