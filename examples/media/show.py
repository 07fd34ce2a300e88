"""What the demo shows: events as they happen, and what is there in the end."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowworker import RunResult

SHOWN = ("reason", "error", "action")
WIDTHS = {"file": 16, "outcome": 10, "width": 6, "height": 7, "taken": 20, "camera": 13}


def line_of(event: dict[str, Any]) -> str:
    """An event as one line: when, in which run, what, of which step, and why.

    A run that is a step of another one is called by its workflow, and the end of its id.
    """
    data = event["data"]
    at = datetime.fromisoformat(event["time"]).astimezone().strftime("%H:%M:%S.%f")[:-3]
    run = data["id"]
    if run.startswith("sub-"):
        run = f"{data['name']} {run[-4:]}"
    step = data.get("step_id", "")
    if "index" in data:
        step = f"{step}[{data['index']}]"
    kind = event["type"].removeprefix("workflow.")
    about = " ".join(str(data[name]) for name in SHOWN if data.get(name))
    return f"{at}  {run:<25}  {kind:<19}  {step:<12}  {about}".rstrip()


def files_of(folder: Path) -> list[str]:
    """All files below a folder with their sizes, hidden ones included."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [f"{path.stat().st_size:>9,}  {path.relative_to(folder)}" for path in files]


def rows_of(report: Path) -> Iterator[str]:
    """The rows of a report, in columns."""
    with report.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            cells = (row[name].ljust(width) for name, width in WIDTHS.items())
            yield f"{' '.join(cells)} {row['sha256'][:12]}".rstrip()


def problems(made: Sequence[RunResult], site: Path) -> Iterator[str]:
    """What is not as it should be: one album is published, the other was too heavy."""
    good, *others = made
    if good.status != "COMPLETED":
        yield f"run {good.id} ended {good.status}: {good.error}"
    elif not Path(good.output["page"]).is_file():
        yield f"{good.output['page']} is missing"
    for heavy in others:
        if "TooHeavy" not in heavy.error:
            yield f"run {heavy.id} ended {heavy.status}: {heavy.error or 'without an error'}"
    for left in (*(site / heavy.id for heavy in others), *site.glob(".*")):
        if left.exists():
            yield f"{left} was not removed"
