"""Steps that are alike as one box, where a picture would be too wide for anybody.

Two boxes are alike if the same stands in them but for their names, and what leads to them and on
from them is alike: so sixty chains side by side become one. Boxes first differ by what stands in
them and how far they are from the beginning, then again and again by their neighbours, until no
more of them do. An arrow leads further from the beginning, so no circle comes of it.
"""

from __future__ import annotations

__all__ = ["Folded", "folded", "widest"]

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flowworker.drawing.outline import NodeKind, Outline

if TYPE_CHECKING:
    from collections.abc import Hashable

    from flowworker.drawing.outline import Node

_STEPS = {NodeKind.STEP, NodeKind.WAIT, NodeKind.RUN}

Neighbours = dict[str, list[tuple[str, str]]]
"""For each node, label and other end of the arrows that lead to it, or on from it."""


@dataclass(frozen=True, slots=True)
class Folded:
    """An outline in which some nodes stand for many.

    Attributes:
        steps: the steps that such a node stands for, in the order of the definition.
    """

    outline: Outline
    steps: dict[str, tuple[str, ...]]


def widest(drawn: Outline) -> int:
    """How many nodes are equally far from the beginning, at most."""
    into, _ = _neighbours(drawn)
    return max(Counter(_depths(drawn, into).values()).values(), default=0)


def folded(drawn: Outline, least: int) -> Folded:
    """The outline with one node for each `least` or more that are alike."""
    alike: dict[int, list[Node]] = defaultdict(list)
    colours = _colours(drawn)
    for node in drawn.nodes:
        alike[colours[node.id]].append(node)
    steps: dict[str, tuple[str, ...]] = {}
    stands: dict[str, str] = {}
    nodes = []
    for group in alike.values():
        if len(group) < least:
            nodes += group
            stands |= {node.id: node.id for node in group}
            continue
        first = group[0]
        stands |= {node.id: first.id for node in group}
        nodes.append(_many(group))
        if first.kind in _STEPS:
            steps[first.id] = tuple(node.step for node in group)
    edges = [
        replace(edge, source=stands[edge.source], target=stands[edge.target])
        for edge in drawn.edges
    ]
    return Folded(Outline(drawn.title, nodes, list(dict.fromkeys(edges))), steps)


def _many(group: list[Node]) -> Node:
    first, count = group[0], f"{len(group):,}"
    if first.kind not in _STEPS:
        return replace(first, step="", lines=(*first.lines, f"of {count} steps"))
    names = f"{first.lines[0]} … {group[-1].lines[0]}"
    return replace(first, step="", lines=(names, f"{count} steps", *first.lines[1:]))


def _colours(drawn: Outline) -> dict[str, int]:
    """A number for each node: equal for those that are alike."""
    into, onward = _neighbours(drawn)
    depths = _depths(drawn, into)
    found = _numbered(
        {
            node.id: (node.kind, node.lines[node.kind in _STEPS :], depths[node.id])
            for node in drawn.nodes
        }
    )
    while True:

        def near(some: list[tuple[str, str]], found: dict[str, int] = found) -> frozenset[Hashable]:
            return frozenset((label, found[other]) for label, other in some)

        finer = _numbered(
            {id_: (colour, near(into[id_]), near(onward[id_])) for id_, colour in found.items()}
        )
        if max(finer.values(), default=0) == max(found.values(), default=0):
            return finer
        found = finer


def _numbered(of: dict[str, tuple[Hashable, ...]]) -> dict[str, int]:
    numbers: dict[Hashable, int] = {}
    return {id_: numbers.setdefault(what, len(numbers)) for id_, what in of.items()}


def _neighbours(drawn: Outline) -> tuple[Neighbours, Neighbours]:
    into: Neighbours = {node.id: [] for node in drawn.nodes}
    onward: Neighbours = {node.id: [] for node in drawn.nodes}
    for edge in drawn.edges:
        into[edge.target].append((edge.label, edge.source))
        onward[edge.source].append((edge.label, edge.target))
    return into, onward


def _depths(drawn: Outline, into: Neighbours) -> dict[str, int]:
    """How far each node is from the beginning, by the longest way."""
    left = {node.id: len(into[node.id]) for node in drawn.nodes}
    onward: dict[str, list[str]] = defaultdict(list)
    for edge in drawn.edges:
        onward[edge.source].append(edge.target)
    depths = dict.fromkeys(left, 0)
    ready = [id_ for id_, count in left.items() if not count]
    for id_ in ready:
        for other in onward[id_]:
            depths[other] = max(depths[other], depths[id_] + 1)
            left[other] -= 1
            if not left[other]:
                ready.append(other)
    return depths
