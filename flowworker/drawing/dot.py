"""As a Graphviz graph, in the language DOT."""

from __future__ import annotations

__all__ = ["as_dot"]

from typing import TYPE_CHECKING

from flowworker.drawing.outline import Edge, Node, NodeKind, outline

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowworker.core.model import Workflow
    from flowworker.drawing.outline import Outline

_STYLES = {
    NodeKind.STEP: "",
    NodeKind.WAIT: ", style=rounded",
    NodeKind.RUN: ", peripheries=2",
    NodeKind.FALLBACK: ", style=dashed",
    NodeKind.COMPENSATION: ", style=dotted",
    NodeKind.FINALLY: ", shape=hexagon",
}


def as_dot(workflows: Sequence[Workflow]) -> str:
    """The text of one graph; several workflows are framed in it."""
    lines = ["digraph {", "    node [shape=box]"]
    if len(workflows) == 1:
        drawn = outline(workflows[0])
        lines += [f"    label={_text(drawn.title)}", "    labelloc=t", *_body(drawn)]
    else:
        for number, workflow in enumerate(workflows):
            drawn = outline(workflow, f"w{number}n")
            lines += [f"    subgraph cluster_{number} {{", f"        label={_text(drawn.title)}"]
            lines += (f"    {line}" for line in _body(drawn))
            lines.append("    }")
    return "\n".join([*lines, "}", ""])


def _body(drawn: Outline) -> Iterator[str]:
    yield from (f"    {_node(node)}" for node in drawn.nodes)
    yield from (f"    {_edge(edge)}" for edge in drawn.edges)


def _node(node: Node) -> str:
    return f"{node.id} [label={_text(*node.lines)}{_STYLES[node.kind]}]"


def _edge(edge: Edge) -> str:
    label = f" [label={_text(edge.label)}, style=dashed]" if edge.label else ""
    return f"{edge.source} -> {edge.target}{label}"


def _text(*lines: str) -> str:
    escaped = (line.replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return '"' + "\\n".join(escaped) + '"'
