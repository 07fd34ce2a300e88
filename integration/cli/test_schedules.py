"""`flowworker schedule`: each of its commands."""

from __future__ import annotations

import re
from functools import partial

import pytest

from integration.cli.commands import Commands
from tests.support.waiting import blocking_eventually

MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d")


def has_completed(dev: Commands, run: str) -> bool:
    return "COMPLETED" in dev.said_by("status", run)


def test_a_schedule_from_its_creation_to_its_end(dev: Commands):
    shown = dev("schedule", "create", "tidy", "sum", "--cron", "0 2 * * *", "--input", '{"n": 5}')
    assert len(MOMENT.findall(shown)) == 5
    assert "0 2 * * * UTC" in shown

    [one] = dev.lines("schedule", "list", "--workflow", "sum")
    assert (one["id"], one["state"], len(one["next"])) == ("tidy", "ACTIVE", 5)
    assert "tidy" in dev("schedule", "list")

    assert dev("schedule", "pause", "tidy", "--reason", "holidays") == "schedule tidy is paused\n"
    assert "PAUSED: holidays" in dev("schedule", "show", "tidy")
    begun = dev.json("schedule", "trigger", "tidy")
    blocking_eventually(lambda: dev.json("status", begun["run"])["status"] == "COMPLETED")
    assert dev("schedule", "unpause", "tidy") == "schedule tidy is active\n"

    between = ("--from", "2026-01-01T00:00:00Z", "--to", "2026-01-02T23:00:00Z")
    runs = dev("schedule", "backfill", "tidy", *between).split()
    assert runs == ["tidy-20260101T020000Z", "tidy-20260102T020000Z"]
    for run in runs:
        blocking_eventually(partial(has_completed, dev, run))
    blocking_eventually(lambda: runs[1] in dev("schedule", "show", "tidy"))

    replaced = dev.json("schedule", "create", "tidy", "sum", "--every", "1h", "--replace")
    assert (replaced["cron"], replaced["every"], replaced["overlap"]) == ("", 3600.0, "skip")
    assert dev("schedule", "delete", "tidy") == "schedule tidy is deleted\n"
    assert dev("schedule", "list") == "no schedule exists\n"


def test_its_runs_have_labels_with_the_time(dev: Commands):
    when = ("--label", "day=${schedule.time.substring(0, 10)}", "--label", "of=${schedule.id}")
    shown = dev("schedule", "create", "named", "sum", "--every", "1h", "--input", '{"n": 5}', *when)
    assert "of=${schedule.id}" in shown

    between = ("--from", "2026-01-01T00:30:00Z", "--to", "2026-01-01T01:30:00Z")
    dev("schedule", "backfill", "named", *between)
    run = "named-20260101T010000Z"
    blocking_eventually(partial(has_completed, dev, run))
    [found] = dev.lines("list", "--where", "label.day=2026-01-01 label.of=named")
    assert found["id"] == run
    dev("schedule", "delete", "named")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (
            ("create", "s", "sum", "--every", "1h", "--label", "a=${run.id}"),
            2,
            "label 'a' of schedule 's': nothing is called 'run' (there are: schedule)",
        ),
        (("create", "s", "sum", "--cron", "0 0 30 2 *"), 2, "has no time: no month has such a day"),
        (
            ("create", "s", "sum", "--cron", "0 0 * * *", "--timezone", "Mars"),
            2,
            "no time zone 'Mars'",
        ),
        (("create", "s", "sum"), 2, "needs 'cron' or 'every'"),
        (("create", "s.t", "sum", "--every", "1h"), 2, "at most 100 letters"),
        (("create", "s", "none", "--every", "1h"), 3, "no workflow 'none'"),
        (
            ("create", "s", "sum", "--every", "1h", "--end-at", "2001-01-01T00:00:00Z"),
            2,
            "no time from now on",
        ),
        (("show", "none"), 3, "no schedule 'none' exists"),
        (("pause", "none"), 3, "no schedule 'none' exists"),
        (("delete", "none"), 3, "no schedule 'none' exists"),
    ],
)
def test_what_cannot_be(dev: Commands, arguments, code, said):
    assert said in dev.error("schedule", *arguments, code=code)


def test_a_backfill_has_its_limits(dev: Commands):
    dev("schedule", "create", "often", "sum", "--every", "1s")
    dev("schedule", "pause", "often")
    million = ("--from", "2026-01-01T00:00:00Z", "--to", "2026-01-12T13:46:40Z")
    said = dev.error("schedule", "backfill", "often", *million, code=2)
    assert "more than 1,000 times of schedule 'often'" in said
    dev("schedule", "delete", "often")
