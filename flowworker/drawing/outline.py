"""A workflow as nodes and edges: what is drawn, whatever the format."""

from __future__ import annotations

__all__ = ["Edge", "Node", "NodeKind", "Outline", "outline"]

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from flowworker.core.model import TriggerRule
from flowworker.definitions import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flowworker.core.for_each import ForEach
    from flowworker.core.model import Step, Workflow

LONGEST = 60
"""Characters of a line: an expression may have thousands."""


class NodeKind(StrEnum):
    """What a node stands for."""

    STEP = "step"
    WAIT = "wait"
    RUN = "run"
    FALLBACK = "fallback"
    COMPENSATION = "compensation"
    FINALLY = "finally"


@dataclass(frozen=True, slots=True)
class Node:
    """One box.

    Attributes:
        id: unique in the outline: letters and digits.
        lines: what stands in it, the name first.
        step: which step it is or belongs to; empty for what is none.
    """

    id: str
    kind: NodeKind
    lines: tuple[str, ...]
    step: str = ""


@dataclass(frozen=True, slots=True)
class Edge:
    """One arrow; `label` says what leads along it, and is empty for a dependency."""

    source: str
    target: str
    label: str = ""


@dataclass(slots=True)
class Outline:
    """One workflow."""

    title: str
    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)


def outline(workflow: Workflow, prefix: str = "n") -> Outline:
    """What is drawn of a workflow; the ids of its nodes begin with `prefix`."""
    title = " ".join(part for part in (workflow.name, workflow.version) if part)
    drawn = Outline(title)
    ids = {
        step.id: f"{prefix}{number}"
        for number, step in enumerate((*workflow.steps, *workflow.finally_))
    }
    for step in workflow.steps:
        _add(drawn, step, ids)
    if workflow.finally_:
        bar = f"{prefix}finally"
        drawn.nodes.append(Node(bar, NodeKind.FINALLY, ("finally",)))
        needed = {dependency for step in workflow.steps for dependency in step.depends_on}
        leaves = (step.id for step in workflow.steps if step.id not in needed)
        drawn.edges += [Edge(ids[leaf], bar, "ended") for leaf in leaves]
        for step in workflow.finally_:
            _add(drawn, step, ids)
            if not step.depends_on:
                drawn.edges.append(Edge(bar, ids[step.id]))
    return drawn


def _add(drawn: Outline, step: Step, ids: dict[str, str]) -> None:
    node = ids[step.id]
    without = NodeKind.RUN if step.has_child else NodeKind.WAIT
    kind = NodeKind.STEP if step.uses else without
    drawn.nodes.append(Node(node, kind, tuple(_short((step.id, *_lines(step)))), step.id))
    drawn.edges += [Edge(ids[dependency], node) for dependency in step.depends_on]
    if step.fallback is not None:
        lines = tuple(_short((step.fallback.uses,)))
        other = Node(f"{node}f", NodeKind.FALLBACK, lines, step.id)
        drawn.nodes.append(other)
        drawn.edges.append(Edge(node, other.id, "fallback"))
    if step.saga is not None:
        critical = ("critical",) if step.saga.is_critical else ()
        lines = tuple(_short((step.saga.uses, *critical)))
        undo = Node(f"{node}c", NodeKind.COMPENSATION, lines, step.id)
        drawn.nodes.append(undo)
        drawn.edges.append(Edge(node, undo.id, "undone by"))


def _lines(step: Step) -> Iterator[str]:
    """What stands below a step's id."""
    if step.for_each is not None:
        yield from _loops(step.for_each)
    yield from _does(step)
    if step.when is not None:
        yield f"when {step.when}"
    if step.queue != "default":
        yield f"queue {step.queue}"
    if step.trigger_rule is not TriggerRule.ALL_SUCCESS:
        yield step.trigger_rule
    if isinstance(step.retry, tuple):
        yield f"{len(step.retry)} retry rule{'s' if len(step.retry) > 1 else ''}"
    elif step.retry.max_attempts > 1:
        yield f"up to {step.retry.max_attempts} attempts"
    if step.repeat is not None:
        yield f"until {step.repeat.until}, again after {_duration(step.repeat.interval)}"
    if step.continue_on_error:
        yield "goes on if it fails"
    if step.escalation is not None:
        yield "asks a human if it fails"


def _loops(loop: ForEach) -> Iterator[str]:
    over = loop.items if isinstance(loop.items, str) else f"{len(loop.items)} items"
    yield f"for each {loop.as_} of {over}"
    if loop.max_parallel is not None:
        yield f"{loop.max_parallel} at a time"
    if loop.tolerated_failures:
        yield f"{loop.tolerated_failures} may fail"


def _does(step: Step) -> Iterator[str]:
    if step.uses:
        yield step.uses
    if step.workflow is not None:
        yield f"workflow {step.workflow}"
    if step.steps:
        yield f"group: {', '.join(inner.id for inner in step.steps)}"
    if step.sleep is not None:
        yield f"sleep {_duration(step.sleep)}"
    if step.until is not None:
        yield f"until {step.until}"
    if step.wait_for is not None:
        yield f"signal {step.wait_for.signal}"
    if step.approval is not None:
        yield f"asks: {step.approval.prompt}" if step.approval.prompt else "asks a human"
    if step.end is not None:
        yield f"ends the run: {step.end.status}"


def _duration(given: float | str) -> str:
    return given if isinstance(given, str) else format_duration(given)


def _short(lines: Iterable[str]) -> Iterator[str]:
    """Each on one line, and not too long."""
    for line in lines:
        flat = " ".join(line.split())
        yield flat if len(flat) <= LONGEST else f"{flat[: LONGEST - 1]}…"
