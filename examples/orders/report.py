"""The result of a demo run: `report.csv`, and a table for people."""

from __future__ import annotations

import csv
from collections import Counter
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from examples.orders.display import COLOURS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console

    from examples.orders.fulfil import Outcome

TITLES = {
    "completed": "COMPLETED",
    "fallback": "COMPLETED, fallback",
    "compensated": "FAILED, compensated",
    "failed": "FAILED",
    "rejected": "rejected by schema",
    "unfinished": "did not end in time",
}


def write_report(path: Path, outcomes: Sequence[Outcome]) -> None:
    """One line per row of the orders file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(_line(outcomes[0])))
        writer.writeheader()
        writer.writerows(map(_line, outcomes))


def _line(each: Outcome) -> dict[str, object]:
    return {
        "order_id": each.row.order_id,
        "run_id": each.row.run_id,
        "outcome": each.outcome,
        "expected": each.row.expected,
        "attempts": each.attempts,
        "retries": each.retries,
        "fallbacks": each.fallbacks,
        "seconds": f"{each.took:.3f}",
        "paid": _money(each.paid),
        "error": each.error,
    }


def _money(cents: int) -> str:
    return f"{cents / 100:.2f}" if cents else ""


def show_summary(console: Console, outcomes: Sequence[Outcome]) -> None:
    """One line per row, then how many of each kind."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("order", "outcome"):
        table.add_column(title, no_wrap=True)
    for title in ("calls", "retries", "fallback", "seconds", "paid"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("ok", no_wrap=True)
    for each in outcomes:
        ran = bool(each.attempts)
        table.add_row(
            each.row.order_id,
            Text(TITLES[each.outcome], style=COLOURS[each.outcome]),
            str(each.attempts or ""),
            str(each.retries or ""),
            str(each.fallbacks or ""),
            f"{each.took:.3f}" if ran else "",
            _money(each.paid),
            "yes" if each.as_expected else Text(f"no: {each.row.expected}", style="bold red"),
        )
    console.print(table)
    counts = Counter(TITLES[each.outcome] for each in outcomes)
    for title, count in counts.most_common():
        console.print(f"{count:4} {title}", highlight=False)
