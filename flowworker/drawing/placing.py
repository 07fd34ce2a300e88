"""Where the boxes and arrows of an outline go, by a library: no program is needed."""

from __future__ import annotations

__all__ = ["CHAR", "LINE", "PAD", "places"]

from typing import TYPE_CHECKING, Any

from flowworker.errors import InvalidInput

if TYPE_CHECKING:
    from flowworker.drawing.outline import Outline

LINE, CHAR, PAD = 16.0, 7.3, 12.0
"""Heights of lines, widths of characters of the font, room around them: pixels."""

_OPTIONS = {
    "direction": "topbottom",
    "effort": "fast",
    # Arrows past other steps are what a layout takes its time for: seconds here, minutes beyond.
    "limits": {"max_dummies": 20_000},
}


def places(drawn: Outline, room: float = 0.0) -> dict[str, Any]:
    """Where nodes and edges go, in their order, and the `bounds` of all.

    Args:
        drawn: what is drawn.
        room: pixels that each box is wider than its text needs.

    Raises:
        InvalidInput: the extra `graph` is not installed, or the graph is too large.
    """
    try:
        import graphlay  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        hint = "install it with `pip install 'flowworker[graph]'`, or draw mermaid or dot"
        raise InvalidInput(f"svg: {error}; {hint}") from error
    graph = graphlay.Graph()
    for node in drawn.nodes:
        longest = max(map(len, node.lines))
        height = len(node.lines) * LINE + PAD
        graph.node(node.id, width=longest * CHAR + 2 * PAD + room, height=height)
    for edge in drawn.edges:
        graph.edge(edge.source, edge.target)
    try:
        found: dict[str, Any] = graphlay.layout(graph, options=_OPTIONS).to_dict()
    except graphlay.GraphlayError as error:
        hint = "draw it as mermaid or dot"
        raise InvalidInput(
            f"svg: workflow {drawn.title!r} is too large: {error}; {hint}"
        ) from error
    return found
