"""How runs, lists and events look: coloured tables on a terminal, plain lines elsewhere."""

from __future__ import annotations

__all__ = [
    "event_line",
    "json_line",
    "preview",
    "print_run",
    "run_table",
]

import json
import re
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from flowworker.cli.notes import lasted, notes_on, when
from flowworker.cli.questions import print_questions
from flowworker.cli.tables import plain, print_table, state, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.table import Table

    from flowworker.client import PauseView, PayloadView, RunView, StepView

_EVENT_COLOURS = {
    "completed": "green",
    "compensated": "green",
    "failed": "red",
    "attempt_failed": "red",
    "rejected": "red",
    "cancelled": "red",
    "compensation_failed": "red",
    "retrying": "yellow",
    "fallback": "yellow",
    "compensating": "yellow",
    "waiting_human": "magenta",
    "paused": "yellow",
    "waiting_handler": "magenta",
}
_PREVIEW = 400
"""Characters of an input or output that are shown in a line."""

_NOT_ASCII = re.compile(r"[^\n -~]")
_SHOWN = (
    "step_id",
    "iteration",
    "attempt",
    "worker",
    "fallback_to",
    "handler",
    "kept_from",
    "rerun_of",
    "child",
    "action",
    "actor",
    "run",
    "reason",
    "error",
    "delay",
)


def json_line(value: Any) -> str:
    """A value as one line of JSON; what cannot or must not be seen is escaped."""
    from flowworker.codec.json import encode

    text = encode(value).decode()
    encoding = "utf8" if sys.stdout is None else sys.stdout.encoding or ""
    utf8 = encoding.lower().replace("-", "") == "utf8"

    def shown(found: re.Match[str]) -> str:
        return found[0] if utf8 and found[0].isprintable() else json.dumps(found[0])[1:-1]

    return _NOT_ASCII.sub(shown, text)


def preview(payload: PayloadView) -> str:
    """An input or output in one line."""
    if payload.problem:
        return f"cannot be read: {plain(payload.problem)}"
    if not payload.shown:
        return f"{payload.size:,} bytes"
    text = json_line(payload.value)
    return text if len(text) <= _PREVIEW else f"{text[:_PREVIEW]}… ({payload.size:,} bytes)"


_STEP_COLUMNS = ("STEP", "STATE", "ATTEMPT", "STARTED", "TOOK", "WORKER", "NOTES")


def _step_row(step: StepView) -> list[str]:
    return [
        step.id,
        step.status,
        str(step.attempt or ""),
        when(step.started_at)[11:],
        lasted(step.started_at, step.finished_at),
        step.worker,
        "; ".join(notes_on(step)),
    ]


def run_table(run: RunView, width: int) -> Table:
    """The steps of a run, for a terminal of that width."""
    rows = [[plain(text) for text in _step_row(step)] for step in run.each()]
    return table(_STEP_COLUMNS, rows, 1, width)


def print_run(run: RunView) -> None:
    """A run and its steps."""
    version = f" {run.version}" if run.version else ""
    lines = {
        "run": run.id,
        "workflow": f"{run.workflow}{version}",
        "state": run.status.value,
        "labels": " ".join(f"{name}={value}" for name, value in run.labels.items()),
        "created": when(run.created_at),
        "paused": "" if run.paused is None else _pause(run.paused),
        "workflow paused": "" if run.held is None else _pause(run.held),
        "begins": when(run.begins_at),
        "finished": when(run.finished_at),
        "took": lasted(run.created_at, run.finished_at),
        "input": "" if run.input is None else preview(run.input),
        "output": "" if run.output is None else preview(run.output),
        "error": run.error,
        "rerun of": run.rerun_of,
        "step of": run.parent,
        "ended early": run.reason,
        "not compensated": ", ".join(run.failed_compensations),
        "waits": "; ".join(reason.text for reason in run.why if reason.kind != "start"),
        "attention": "a critical compensation failed" if run.needs_attention else "",
    }
    for title, text in lines.items():
        if text:
            shown = state(text) if title == "state" else plain(text)
            click.echo(f"{title + ':':<17}{shown}")
    click.echo()
    print_table(_STEP_COLUMNS, _rows(run), status=1)
    print_questions(run)
    for problem in run.problems:
        click.echo(f"problem: {plain(problem)}", err=True)


def _pause(why: PauseView) -> str:
    by = f" by {why.actor}" if why.actor else ""
    return f"since {when(why.since)}{by}" + (f": {why.reason}" if why.reason else "")


def _rows(run: RunView, indent: str = "") -> Iterator[list[str]]:
    """The steps, each with those of the run that it is below it."""
    children = {child.id: child for child in run.children}
    for step in run.each():
        name, *rest = _step_row(step)
        yield [indent + name, *rest]
        if step.child in children:
            yield from _rows(children[step.child], indent + "  ")


def event_line(event: dict[str, Any], *, with_run: bool = True, with_workflow: bool = False) -> str:
    """An event as one line, coloured where it goes to a terminal.

    Its run, and the workflow of that, are the last parts of its source.
    """
    kind = str(event.get("type", "?"))
    data = event.get("data")
    data = data if isinstance(data, dict) else {"data": data}
    at = _event_time(str(event.get("time", "")))
    about = [f"{name}={value}" for name, value in _named(data)]
    if not kind.startswith("workflow."):
        about = [json_line(event.get("data"))]
    colour = _EVENT_COLOURS.get(kind.rpartition(".")[2])
    *_, workflow, run_id = ["", "", *str(event.get("source", "")).split("/")]
    shown = [workflow] if with_workflow else []
    shown += [run_id] if with_run else []
    run = [plain(each) for each in shown]
    name = click.style(plain(kind), fg=colour)
    return " ".join([at, *run, name, *(plain(text) for text in about)])


def _named(data: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    index = data.get("index")
    for name in _SHOWN:
        value = data.get(name)
        if value and name == "step_id" and isinstance(index, int):
            value = f"{value}[{index}]"
        if value:
            yield name, value


def _event_time(text: str) -> str:
    try:
        return when(datetime.fromisoformat(text).timestamp())
    except ValueError:
        return plain(text)
