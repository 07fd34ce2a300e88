"""How far a namespace goes: the page says what the model says, and the model queues as it must."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from bench.capacity import WAY, Costs, Fleet, sheet, simulated
from tests.docs.pages import REFERENCE, table, words

PAGE = REFERENCE.parent / "how-to" / "size-a-fleet.md"
WANTED = (1e3, 1e4, 1e5, 1e6)
FLEET = Fleet(nodes=3, cores=16, shards=4, replicas=3, partitions=64, coordinators=8, workers=16)
QUICK = Costs(leader=1, follower=1, alone=1, coordinator=1, worker=1)


def test_the_page_has_what_the_model_says():
    rows = {row["steps/s"]: row for row in table(PAGE, "How far one namespace goes")}
    columns = [f"{each:,.0f}" for each in WANTED]

    found = {name: [row[column] for column in columns] for name, row in rows.items()}

    assert found == sheet(WANTED, Costs(), cores=16, replicas=3)


def test_the_page_has_what_the_model_starts_from():
    rows = table(PAGE, "What a model needs")

    assert {words(row[""])[0]: float(row["µs"]) for row in rows} == asdict(Costs())


@pytest.mark.parametrize(
    ("part", "most"),
    [
        ("alone", 4 / WAY.count("records")),  # four shards
        ("coordinator", 8),
        ("worker", 16),
        ("leader", 3 * 16 / (len(WAY) - 3)),
    ],
)
def test_what_is_more_than_a_part_can_do_waits(part, most):
    costs = replace(QUICK, **{part: 10_000.0})
    bound = most * 100

    half = simulated(FLEET, costs, bound / 2, seconds=4.0)
    double = simulated(FLEET, costs, bound * 2, seconds=4.0)

    assert half.per_second == pytest.approx(bound / 2, rel=0.15)
    assert bound * 0.4 < double.per_second < bound * 1.05  # what is new waits among what is not
    assert double.p50 > 2 * half.p50


def test_without_copies_nobody_waits_for_them():
    costs = replace(QUICK, follower=50_000.0)

    alone = simulated(replace(FLEET, replicas=1), costs, 100.0)
    copied = simulated(FLEET, costs, 100.0)

    assert alone.p50 < 1.0
    assert copied.p50 > 50.0 * (len(WAY) - 3)
