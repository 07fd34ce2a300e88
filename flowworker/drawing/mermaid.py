"""As a Mermaid flowchart, which many sites draw, those of Git among them."""

from __future__ import annotations

__all__ = ["as_mermaid"]

from typing import TYPE_CHECKING

from flowworker.drawing.outline import Edge, Node, NodeKind, outline

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowworker.core.model import Workflow
    from flowworker.drawing.outline import Outline

_SHAPES = {
    NodeKind.STEP: ("[", "]"),
    NodeKind.WAIT: ("([", "])"),
    NodeKind.RUN: ("[[", "]]"),
    NodeKind.FALLBACK: ("[", "]"),
    NodeKind.COMPENSATION: ("[", "]"),
    NodeKind.FINALLY: ("{{", "}}"),
}
_STYLES = {
    NodeKind.FALLBACK: "stroke-dasharray:4 3",
    NodeKind.COMPENSATION: "fill:none,stroke-dasharray:2 2",
}
_ENTITIES = str.maketrans({char: f"#{ord(char)};" for char in "#&<>\"'`\\[]{}()|"})
"""What may mean something to Mermaid, HTML or Markdown."""


def as_mermaid(workflows: Sequence[Workflow]) -> str:
    """The text of one flowchart; several workflows are framed in it."""
    lines = ["flowchart TD"]
    if len(workflows) == 1:
        drawn = outline(workflows[0])
        lines = ["---", f"title: {_quoted(drawn.title)}", "---", *lines, *_body(drawn)]
    else:
        for number, workflow in enumerate(workflows):
            drawn = outline(workflow, f"w{number}n")
            lines.append(f"    subgraph w{number}[{_text(drawn.title)}]")
            lines.append("        direction TB")
            lines += (f"    {line}" for line in _body(drawn))
            lines.append("    end")
    for kind, style in _STYLES.items():
        if any(f":::{kind}" in line for line in lines):
            lines.append(f"    classDef {kind} {style}")
    return "\n".join([*lines, ""])


def _body(drawn: Outline) -> Iterator[str]:
    yield from (f"    {_node(node)}" for node in drawn.nodes)
    yield from (f"    {_edge(edge)}" for edge in drawn.edges)


def _node(node: Node) -> str:
    opened, closed = _SHAPES[node.kind]
    style = f":::{node.kind}" if node.kind in _STYLES else ""
    text = _text("\n".join(node.lines))
    return f"{node.id}{opened}{text}{closed}{style}"


def _edge(edge: Edge) -> str:
    arrow = f"-. {edge.label} .->" if edge.label else "-->"
    return f"{edge.source} {arrow} {edge.target}"


def _text(text: str) -> str:
    return '"' + text.translate(_ENTITIES).replace("\n", "<br/>") + '"'


def _quoted(text: str) -> str:
    """A text of YAML."""
    return "'" + text.replace("'", "''") + "'"
