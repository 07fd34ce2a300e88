"""Columns give way in an order, and ids are never broken."""

from __future__ import annotations

import io
import sys

import pytest
from rich.console import Console

from flowworker.cli.tables import GIVE_WAY, fitting, print_table, table

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


LONG = [
    "order-" + 54 * "a",
    "order.fulfil-and-" + 30 * "b",
    "RUNNING",
    "2026-11-28 01:00:00",
    "",
    "",
]


@pytest.fixture
def printed(monkeypatch):
    """What a terminal of 80 columns, or none, shows of a table."""

    def show(rows, *, terminal=True, columns=COLUMNS):
        stdout = io.StringIO()
        monkeypatch.setattr(stdout, "isatty", lambda: terminal, raising=False)
        monkeypatch.setattr(sys, "stdout", stdout)
        monkeypatch.setenv("COLUMNS", "80")
        monkeypatch.setenv("NO_COLOR", "1")
        print_table(columns, rows, status=2)
        return stdout.getvalue().splitlines()

    return show


def test_ids_that_leave_no_room_stand_above_the_rest(printed):
    lines = printed([LONG, *ROWS])

    assert lines[0] == "RUN"
    assert lines[2] == LONG[0]
    assert lines[3].split() == [LONG[1], "RUNNING"]
    assert lines[4] == ID
    assert lines[5].split()[:2] == ["order.fulfil", "COMPENSATING"]
    assert all(len(line) <= 80 for line in lines[:4])


CHILD = "sub-child-ab81b622852b39dd502af547"
WAITS = f"is run {CHILD} (RUNNING) for 3.6 s, which waits for 'mail-of-a-long-name'"


def test_an_id_in_a_text_makes_others_give_way(printed):
    lines = printed([["order-7", "order.fulfil", "RUNNING", "2026-11-28 01:00:00", "1.5 s", WAITS]])

    assert any(CHILD in line for line in lines)
    assert "CREATED" not in lines[0]
    assert lines[2].startswith("order-7   order.fulfil   RUNNING")


def test_an_id_in_a_text_that_leaves_no_room_stands_below(printed):
    lines = printed([[ID, "order.fulfil", "RUNNING", "2026-11-28 01:00:00", "1.5 s", WAITS]])

    assert lines[2] == ID
    rest = lines[3:]
    assert rest[0].startswith("  order.fulfil  RUNNING  2026-11-28 01:00:00  is run")
    place = rest[0].index("is run")
    assert all(line[:place].strip() == "" for line in rest[1:])
    assert " ".join(" ".join(line[place:] for line in rest).split()) == WAITS
    assert all(len(line) <= 80 for line in lines)


def test_where_not_even_that_is_room_the_text_has_lines_of_its_own(printed):
    columns = ("STEP", "STATE", "NOTES")
    lines = printed([["charge", "R" * 50, WAITS]], columns=columns)

    assert lines[3:5] == ["charge", f"  {'R' * 50}"]
    assert " ".join(" ".join(lines[5:]).split()) == WAITS
    assert all(line.startswith("    ") and len(line) <= 80 for line in lines[5:])


def test_ids_are_whole_in_a_thousand_rows(printed):
    rows = [[f"{ID[:-4]}{number:04}", *ROWS[0][1:]] for number in range(1000)]

    for terminal in (True, False):
        lines = printed(rows, terminal=terminal)
        assert sum(line.startswith(ID[:-4]) for line in lines) == 1000


def test_wide_characters_take_two_columns(printed):
    rows = [["a", "東京", "RUNNING", "", "", ""], ["b", "Bern", "RUNNING", "", "", ""]]
    combining = [
        ["a", "Zu\u0308rich", "RUNNING", "", "", ""],
        ["b", "Zürich", "RUNNING", "", "", ""],
    ]

    wide = printed(rows, terminal=False)
    narrow = printed(combining, terminal=False)

    # "東京" has two characters on four columns, and "ü" may be two on one
    assert wide[1].index("RUNNING") + 2 == wide[2].index("RUNNING")
    assert narrow[1].index("RUNNING") - 1 == narrow[2].index("RUNNING")
    assert fitting(COLUMNS, [["東" * 25, "w", "RUNNING", "", "", "x"]], 60) is None


def test_no_row_is_only_its_head(printed):
    assert printed([], terminal=False) == ["RUN  WORKFLOW  STATE  CREATED  TOOK  ERROR"]
