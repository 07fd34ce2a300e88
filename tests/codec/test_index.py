"""Keys of the index, and the spans of time by which it is read."""

from __future__ import annotations

import pytest

from flowworker.codec.index import (
    Entry,
    any_time,
    entries_of,
    entry_at,
    entry_of,
    former_patterns,
    moment_of,
    parts_of,
    pattern_of,
    spans_around,
    spans_from,
    status_pattern,
    time_of,
)
from flowworker.core.payload import EMPTY
from flowworker.core.records import MAX_MOMENT, RunRecord
from flowworker.core.status import RunStatus
from flowworker.memory.names import Names

AT = 1_795_837_320.0625  # 2026-11-28T03:42:00.062Z
RECORD = RunRecord("r1", "orders.ship", "h", RunStatus.RUNNING, EMPTY, AT)
MOMENT = "2026.11.28.03.42.00.062"


def test_keys():
    entry = entry_of(RECORD)

    assert entry == Entry(RunStatus.RUNNING, "orders.ship", MOMENT, "r1")
    assert entry.key == f"index.RUNNING.orders/ship.{MOMENT}.r1"
    assert entry.place == f"{MOMENT}.r1"
    assert entry_of(RECORD, RunStatus.FAILED).key == f"index.FAILED.orders/ship.{MOMENT}.r1"
    assert entry_at(entry.key) == entry
    assert entries_of(RECORD) == f"index.*.orders/ship.{MOMENT}.r1"
    anytime = "index.PENDING.orders/ship.*.*.*.*.*.*.*.r1"
    assert any_time(RunStatus.PENDING, "orders.ship", "r1") == anytime
    assert status_pattern(RunStatus.FAILED) == "index.FAILED.>"
    assert status_pattern(RunStatus.FAILED, "orders.ship") == "index.FAILED.orders/ship.>"
    assert pattern_of("2026.11") == "index.*.*.2026.11.>"
    assert pattern_of("2026", "FAILED", "a.b") == "index.FAILED.a/b.2026.>"


def test_entries_of_the_former_form():
    entry = entry_at("index.RUNNING.orders.ship.r1")

    assert entry == Entry(RunStatus.RUNNING, "orders.ship", "", "r1")
    assert entry.key == "index.RUNNING.orders.ship.r1"
    assert entry.place < entry_of(RECORD).place


@pytest.mark.parametrize(
    "key",
    [
        "index.RUNNING.alone",
        f"index.NONSENSE.pair.{MOMENT}.bad",
        "index.NONSENSE.pair.bad",
        f"run.RUNNING.pair.{MOMENT}.r1",
    ],
)
def test_what_is_no_entry(key):
    assert entry_at(key) is None


@pytest.mark.parametrize("seconds", [0.0, 0.5, AT, 9e9, MAX_MOMENT])
def test_moments_are_times_to_the_millisecond(seconds):
    assert time_of(moment_of(seconds)) == pytest.approx(seconds, abs=0.001)
    assert time_of(f"{moment_of(seconds)}.r1") == time_of(moment_of(seconds))


@pytest.mark.parametrize("place", ["", "r1", "2026.11.28", "2026.13.28.03.42.00.062", f"{MOMENT}."])
def test_what_is_no_place(place):
    with pytest.raises(ValueError, match=r".*"):
        time_of(place)


def test_moments_sort_as_times_do():
    times = [0.0, 0.001, 1.0, 60.0, 3600.0, 86_400.0, AT - 1e8, AT - 0.001, AT, MAX_MOMENT]

    assert sorted(map(moment_of, reversed(times))) == [moment_of(time) for time in times]


@pytest.mark.parametrize("days", [0, 0.2, 1, 1.5, 2, 20, 31.5, 32, 33, 400, 366 * 30.7])
def test_spans_cover_all_time_once_the_latest_first(days):
    latest = days * 86_400.0
    spans = list(spans_from(latest))

    assert spans[0] == moment_of(latest)[: len("2026.11.28.03.42")]
    assert spans == sorted(spans, reverse=True)
    for step in range(500):
        moment = moment_of(latest * step / 500)
        assert sum(moment.startswith(f"{span}.") for span in spans) == 1, moment


@pytest.mark.parametrize("at", ["2026.11.28.03.42", "2026.12.31.23.59", "1970.01.01.00.00"])
def test_few_lists_of_spans_cover_all_time_once_the_latest_first(at):
    latest = time_of(f"{at}.59.999")
    lists = spans_around(latest)
    spans = [span for each in lists for span in each]

    assert spans[0] == at
    assert spans == sorted(spans, reverse=True)
    assert len(spans) < 200
    assert [{span.count(".") for span in each} for each in lists if each] == [
        {length} for length, each in zip((4, 3, 2, 1, 0), lists, strict=True) if each
    ]
    for step in range(500):
        moment = moment_of(latest * step / 500)
        assert sum(moment.startswith(f"{span}.") for span in spans) == 1, moment


@pytest.mark.parametrize("tokens", [2, 3, 8, 9, 10, 20])
def test_entries_of_the_former_form_are_found_by_how_many_tokens_they_have(tokens):
    key = ".".join(("index", "FAILED", *"w" * (tokens - 1), "r1"))
    names = Names()
    for name in (key, entry_of(RECORD).key):
        names.add(name)

    found = [each for pattern in former_patterns() for each in names.matching(pattern)]

    # With a workflow of eight they are as long as those of today
    assert found == ([] if tokens == 9 else [key])


def test_spans_that_are_near_are_short():
    spans = list(spans_from(AT))

    assert len(spans) < 4_000
    assert {span.count(".") for span in spans[:1440]} == {4}  # minutes of a day
    assert {span.count(".") for span in spans if span > "2026.10.29"} == {4, 3}


@pytest.mark.parametrize(
    ("span", "count", "first", "last"),
    [
        ("2026", 12, "2026.12", "2026.01"),
        ("2026.02", 31, "2026.02.31", "2026.02.01"),
        ("2026.02.03", 24, "2026.02.03.23", "2026.02.03.00"),
        ("2026.02.03.04", 60, "2026.02.03.04.59", "2026.02.03.04.00"),
        ("2026.02.03.04.05", 60, "2026.02.03.04.05.59", "2026.02.03.04.05.00"),
    ],
)
def test_parts_of_a_span_are_the_latest_first(span, count, first, last):
    parts = parts_of(span)

    assert (len(parts), parts[0], parts[-1]) == (count, first, last)


def test_a_second_has_no_parts():
    assert parts_of("2026.02.03.04.05.06") == []
