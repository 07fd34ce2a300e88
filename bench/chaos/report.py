"""The table, for people; and the same as JSON, for comparing."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from bench.chaos.checker import KINDS
from bench.chaos.rolling import phases

if TYPE_CHECKING:
    from rich.console import Console

    from bench.chaos.campaign import Outcome

SHOWN = 15


def passed(outcome: Outcome) -> bool:
    """Whether there are zeros where zeros belong."""
    verdict = outcome.verdict
    repeated = outcome.plan.rolling and verdict.finished_again
    return not verdict.violations and not repeated


def show(console: Console, outcome: Outcome) -> None:
    """Print everything."""
    plan, verdict = outcome.plan, outcome.verdict
    nodes = "1 node" if plan.nodes == 1 else f"{plan.nodes} nodes, R{plan.nodes}"
    what = "a rolling restart" if plan.rolling else f"faults for {plan.seconds:g} s"
    console.print(
        f"{nodes}, {plan.coordinators} coordinators, {plan.workers} workers, "
        f"{what}, seed {plan.seed}"
    )
    console.print(_counts(outcome))

    zeros = _table("what must not happen", "found")
    for kind in KINDS:
        zeros.add_row(kind, str(verdict.of(kind)))
    console.print(zeros)

    if plan.rolling:
        console.print(_phases(outcome))
    console.print(_reasons(outcome))
    again = _table("executed again, by cause", "per thousand steps")
    steps = max(verdict.counts["steps"], 1)
    for cause, count in verdict.repeats.most_common():
        again.add_row(f"{cause} ({count})", f"{1000 * count / steps:.2f}")
    again.add_row("in all", f"{1000 * verdict.repeats.total() / steps:.2f}")
    console.print(again)
    for text in verdict.finished_again[:SHOWN]:
        console.print(f"  executed again although it was finished: {text}", soft_wrap=True)
    found = [f"{one.kind}: {one.run}: {one.text}" for one in verdict.violations]
    for lines in (found, verdict.waits):
        for line in lines[:SHOWN]:
            console.print(f"  {line}", soft_wrap=True)
        if len(lines) > SHOWN:
            console.print(f"  and {len(lines) - SHOWN} more")


def _counts(outcome: Outcome) -> Table:
    counts = _table("what happened", "count")
    for name, count in outcome.verdict.counts.items():
        counts.add_row(name, f"{count:,}")
    for kind, count in sorted(Counter(fault["kind"] for fault in outcome.evidence.faults).items()):
        counts.add_row(f"... {kind}", str(count))
    counts.add_row("processes that ended by themselves", str(len(outcome.deaths)))
    settled = "never" if outcome.settled is None else f"{outcome.settled:.1f} s"
    counts.add_row("last fault to last end", settled)
    return counts


def _reasons(outcome: Outcome) -> Table:
    table = _table("reasons that were judged", "count")
    for kind, count in outcome.verdict.reasons.most_common():
        table.add_row(kind, f"{count:,}")
    return table


def _phases(outcome: Outcome) -> Table:
    table = _table("rolling restart", "seconds")
    for column in ("replaced", "longest", "runs measured", "latency p50", "p99", "worst"):
        table.add_column(column, justify="right")
    for one in phases(outcome.evidence):
        table.add_row(
            one.name,
            f"{one.seconds:.1f}",
            str(one.replaced or ""),
            f"{one.longest:.1f} s" if one.replaced else "",
            str(len(one.latencies)),
            *(f"{one.latency(share):.2f} s" for share in (0.5, 0.99, 1.0)),
        )
    return table


def show_takeovers(console: Console, measured: list[dict[str, Any]]) -> None:
    """Print how long takeovers took."""
    table = _table("takeover after", "median")
    table.add_column("worst", justify="right")
    for row in measured:
        name = f"{row['what']} ({row['settings']}, {row['samples']} samples)"
        table.add_row(name, f"{row['median']:.1f} s", f"{row['worst']:.1f} s")
    console.print(table)


def write(outcome: Outcome, path: Path) -> None:
    """The numbers as JSON."""
    verdict = outcome.verdict
    content = {
        "plan": outcome.plan.__dict__,
        "counts": verdict.counts,
        "violations": {kind: verdict.of(kind) for kind in KINDS},
        "found": [violation.__dict__ for violation in verdict.violations],
        "repeats": dict(verdict.repeats),
        "reasons": dict(verdict.reasons),
        "finished again": verdict.finished_again,
        "waits": verdict.waits,
        "deaths": outcome.deaths,
        "settled": outcome.settled,
    }
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _table(title: str, unit: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column(title)
    table.add_column(unit, justify="right")
    return table
