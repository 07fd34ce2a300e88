"""Columns give way in an order, and ids are never broken."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from flowworker.cli.tables import GIVE_WAY, fitting, table

ID = "01890a5d-ac96-774b-bcce-b302099a8057"
TEXT = "step 'charge' failed: CardDeclined: no money"
COLUMNS = ("RUN", "WORKFLOW", "STATE", "CREATED", "TOOK", "ERROR")
ROWS = [[ID, "order.fulfil", "COMPENSATING", "2026-11-28 01:00:00", "1.500 s", TEXT]]


@pytest.mark.parametrize(
    ("width", "left_out"),
    [
        (200, set()),
        (125, set()),
        (124, {"TOOK"}),
        (100, {"TOOK", "CREATED"}),
        (80, {"TOOK", "CREATED"}),
    ],
)
def test_columns_give_way_in_their_order(width, left_out):
    kept = fitting(COLUMNS, ROWS, width)

    assert kept is not None
    assert {*COLUMNS} - {COLUMNS[place] for place in kept} == left_out
    assert left_out <= {*GIVE_WAY}


def test_without_room_for_an_id_there_is_no_table():
    assert fitting(COLUMNS, ROWS, 60) is None


@pytest.mark.parametrize("width", [200, 120, 100, 80])
def test_ids_names_and_states_are_whole_at_any_width(width):
    drawn = io.StringIO()

    Console(file=drawn, width=width).print(table(COLUMNS, ROWS, 2, width))

    lines = drawn.getvalue().splitlines()
    assert all(len(line) <= width for line in lines)
    for whole in (ID, "order.fulfil", "COMPENSATING"):
        assert whole in lines[2]
    place = lines[0].index("ERROR")
    assert "".join(line[place:].strip() for line in lines[2:]).replace(" ", "") == TEXT.replace(
        " ", ""
    )
