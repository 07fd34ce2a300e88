"""As an SVG picture, by a library that says where everything goes: no program is needed."""

from __future__ import annotations

__all__ = ["as_svg"]

from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from flowworker.drawing.outline import NodeKind, outline
from flowworker.drawing.placing import CHAR, LINE, PAD, places

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowworker.core.model import Workflow
    from flowworker.drawing.outline import Edge, Node, Outline

_MARGIN = 16.0

_STYLE = """
text { font: 12px ui-monospace, Menlo, Consolas, monospace; fill: #1f2933; text-anchor: middle }
.title { font-size: 14px; font-weight: bold; text-anchor: start }
.first { font-weight: bold }
rect { fill: #f5f7fa; stroke: #52606d }
.wait { fill: #fffbea; stroke: #b8860b }
.fallback { stroke-dasharray: 4 3 }
.compensation { fill: #ffffff; stroke-dasharray: 2 2 }
.finally { fill: #e4e7eb }
path { fill: none; stroke: #52606d }
.other { stroke-dasharray: 4 3 }
.label { font-size: 10px; fill: #52606d }
.paper { fill: #ffffff; stroke: none }
"""


def as_svg(workflows: Sequence[Workflow]) -> str:
    """One picture; several workflows are drawn one below the other.

    Raises:
        InvalidInput: the extra `graph` is not installed.
    """
    parts: list[str] = []
    top, width = _MARGIN, 0.0
    for workflow in workflows:
        drawn = outline(workflow)
        parts.append(
            f'<text class="title" x="{_MARGIN:g}" y="{top + 12:g}">{escape(drawn.title)}</text>'
        )
        top += 2 * LINE
        placed = places(drawn)
        low, high = placed["bounds"]["min"], placed["bounds"]["max"]
        parts.append(f'<g transform="translate({_MARGIN - low["x"]:g} {top - low["y"]:g})">')
        parts += _body(drawn, placed)
        parts.append("</g>")
        top += high["y"] - low["y"] + _MARGIN
        width = max(width, high["x"] - low["x"], len(drawn.title) * CHAR * 1.2)
    size = f"{width + 2 * _MARGIN:.0f}", f"{top:.0f}"
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size[0]}" height="{size[1]}" '
        f'viewBox="0 0 {size[0]} {size[1]}">'
    )
    tip = (
        '<marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0L10 5L0 10" /></marker>'
    )
    paper = '<rect class="paper" width="100%" height="100%" />'
    return "\n".join(
        [head, f"<style>{_STYLE}</style><defs>{tip}</defs>", paper, *parts, "</svg>", ""]
    )


def _body(drawn: Outline, placed: dict[str, Any]) -> Iterator[str]:
    for edge, where in zip(drawn.edges, placed["edges"], strict=True):
        yield from _edge(edge, where["points"])
    for node, where in zip(drawn.nodes, placed["nodes"], strict=True):
        yield from _node(node, where["center"], where["size"])


def _node(node: Node, center: dict[str, float], size: dict[str, float]) -> Iterator[str]:
    x, y = center["x"] - size["width"] / 2, center["y"] - size["height"] / 2
    corner = size["height"] / 2 if node.kind is NodeKind.WAIT else 4
    yield (
        f'<rect class="{node.kind}" x="{x:g}" y="{y:g}" width="{size["width"]:g}" '
        f'height="{size["height"]:g}" rx="{corner:g}" />'
    )
    if node.kind is NodeKind.RUN:
        sides = (x + 4, x + size["width"] - 4)
        yield "".join(
            f'<line x1="{side:g}" y1="{y:g}" x2="{side:g}" y2="{y + size["height"]:g}" '
            'stroke="currentColor" />'
            for side in sides
        )
    for number, line in enumerate(node.lines):
        first = ' class="first"' if number == 0 else ""
        below = y + PAD / 2 + number * LINE + 12
        yield f'<text{first} x="{center["x"]:g}" y="{below:g}">{escape(line)}</text>'


def _edge(edge: Edge, points: list[dict[str, float]]) -> Iterator[str]:
    path = "L".join(f"{point['x']:g} {point['y']:g}" for point in points)
    other = ' class="other"' if edge.label else ""
    yield f'<path{other} d="M{path}" marker-end="url(#tip)" />'
    if edge.label:
        x, y = (
            (points[len(points) // 2 - 1][axis] + points[len(points) // 2][axis]) / 2
            for axis in ("x", "y")
        )
        room = len(edge.label) * CHAR
        left, above = x - room / 2, y - PAD / 2
        yield (
            f'<rect class="paper" x="{left:g}" y="{above:g}" width="{room:g}" height="{PAD:g}" />'
        )
        yield f'<text class="label" x="{x:g}" y="{y + 3:g}">{edge.label}</text>'
