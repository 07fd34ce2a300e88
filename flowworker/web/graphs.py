"""A workflow, or a run of it, as nodes and edges: those that `flowworker graph` draws."""

from __future__ import annotations

__all__ = ["GraphEdge", "GraphNode", "GraphView", "graph_of"]

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from flowworker.core.status import StepStatus
from flowworker.drawing.outline import NodeKind, outline

if TYPE_CHECKING:
    from flowworker.client import RunView, StepView
    from flowworker.core.model import Workflow
    from flowworker.drawing.outline import Node

_STEPS = {NodeKind.STEP, NodeKind.WAIT, NodeKind.RUN}
"""Nodes that are steps; of the others it is not said what has become of them."""


class GraphNode(Struct, frozen=True):
    """One box.

    Attributes:
        id: unique in the graph.
        step: which step it is, or is of; empty for what is none.
        lines: what stands in it, the name first.
        status: of the step in the run; null without a run, or for what is no step.
        child: the run that the step is, if it is one and has begun.
        states: of a loop that has begun, how many of its instances are in which state.
    """

    id: str
    kind: NodeKind
    step: str
    lines: tuple[str, ...]
    status: StepStatus | None = None
    child: str = ""
    states: dict[str, int] = {}


class GraphEdge(Struct, frozen=True):
    """One arrow; `label` says what leads along it, and is empty for a dependency."""

    source: str
    target: str
    label: str = ""


class GraphView(Struct, frozen=True):
    """Nodes in the order of the definition, and the edges between them."""

    title: str
    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]


def graph_of(workflow: Workflow, run: RunView | None = None) -> GraphView:
    """The graph of a definition; with a run of it, what has become of the steps there."""
    drawn = outline(workflow)
    seen = {} if run is None else {step.id: step for step in run.steps}
    nodes = [_seen(node, seen.get(node.step)) for node in drawn.nodes]
    edges = (GraphEdge(edge.source, edge.target, edge.label) for edge in drawn.edges)
    return GraphView(drawn.title, tuple(nodes), tuple(edges))


def _seen(node: Node, step: StepView | None) -> GraphNode:
    bare = GraphNode(node.id, node.kind, node.step, node.lines)
    if step is None or node.kind not in _STEPS:
        return bare
    states = {} if step.instances is None else step.instances.states
    return replace(bare, status=step.status, child=step.child, states=states)
