"""Checks what steps say about each other: their ids and what they depend on."""

from __future__ import annotations

__all__ = ["IN_GROUPS", "Declaration", "check_dependencies"]

from types import MappingProxyType
from typing import TYPE_CHECKING

from msgspec import Struct

from flowworker.core.graph import find_cycle
from flowworker.definitions.section import Located
from flowworker.definitions.tree import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowworker.definitions.problems import Report
    from flowworker.definitions.tree import Mark

IN_GROUPS = "a group sees its own steps and its input, nothing outside"

_MAX_CYCLES = 10
_LONGEST_PATH = 12


class Declaration(Struct, frozen=True):
    """A step's id and what it depends on, each with its place."""

    step: Located
    depends_on: list[Located]


def check_dependencies(
    declarations: Sequence[Declaration],
    report: Report,
    others: Mapping[str, Mark] = MappingProxyType({}),
    limits: str = "",
) -> None:
    """Report duplicate ids, unknown dependencies, dependencies on oneself, and cycles.

    The `others` come before all of these in any case. `limits` says which steps there are.
    """
    first: dict[str, Mark] = {}
    known = dict(others)
    for declaration in declarations:
        step, mark = declaration.step
        if step in known:
            place = f"the first is on line {known[step].line}" if mark.line else ""
            report.add(mark, f"duplicate step id {quoted(step)}", place)
        else:
            first[step] = known[step] = mark
    graph: dict[str, dict[str, Mark]] = {step: {} for step in first}
    for declaration in declarations:
        step = declaration.step.text
        for dependency, mark in declaration.depends_on:
            if dependency == step:
                report.add(mark, f"step {quoted(step)} depends on itself")
            elif dependency in others:
                message = f"step {quoted(step)} of 'finally' depends on {quoted(dependency)}"
                report.add(mark, message, "all steps outside of 'finally' come before it anyway")
            elif dependency not in first:
                message = f"step {quoted(step)} depends on unknown step {quoted(dependency)}"
                report.add(mark, message, report.nearest(dependency, first) or limits)
            else:
                graph.setdefault(step, {})[dependency] = mark
    _check_cycles(graph, report)


def _check_cycles(graph: dict[str, dict[str, Mark]], report: Report) -> None:
    """Report cycles; each one found is cut where it was reported, to find the next."""
    for _ in range(_MAX_CYCLES):
        cycle = find_cycle({step: list(dependencies) for step, dependencies in graph.items()})
        if not cycle:
            return
        mark = graph[cycle[0]].pop(cycle[1])
        if len(cycle) > _LONGEST_PATH:
            cycle[_LONGEST_PATH - 2 : -1] = ["..."]
        report.add(mark, f"circular dependency: {' -> '.join(cycle)}")
