"""A definition as a picture without colours: where boxes and arrows go. It never changes."""

from __future__ import annotations

__all__ = ["LAYOUTS", "LayoutView", "layout_of"]

import asyncio
import re
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from flowworker.drawing.folding import folded, widest
from flowworker.drawing.outline import NodeKind, outline
from flowworker.drawing.placing import places
from flowworker.errors import InvalidInput, WorkflowNotFound
from flowworker.web.endpoint import Endpoint

if TYPE_CHECKING:
    from flowworker.core.model import Workflow
    from flowworker.web.endpoint import Call

MOST = 400
"""Boxes of a picture: nobody sees anything in one with more."""

ABREAST = 40
"""Boxes side by side, above which those that are alike become one."""

ALIKE = 10
"""So many at least."""

TOO_WIDE = 100
"""Boxes side by side that are not drawn: to find places for them takes seconds, or minutes."""

_MARGIN = 16.0
_SHAPE = 24.0
"""Pixels for the shape of a state in each box."""
_HASH = re.compile("[0-9a-f]{32}")
_FOREVER = "private, max-age=31536000, immutable"


class PlacedNode(Struct, frozen=True):
    """One box: pixels from the left and the top, and its size.

    Attributes:
        steps: those for which it stands, if it stands for many that are alike.
    """

    id: str
    kind: NodeKind
    step: str
    lines: tuple[str, ...]
    x: float
    y: float
    width: float
    height: float
    steps: tuple[str, ...] = ()


class PlacedEdge(Struct, frozen=True):
    """One arrow along these points; `label` says what leads along it, if it is no dependency."""

    label: str
    points: list[tuple[float, float]]


class LayoutView(Struct, frozen=True):
    """A picture.

    Attributes:
        drawn: false if there are too many boxes, or arrows; then there is nothing else.
        width, height: of all of it, pixels.
    """

    title: str
    drawn: bool
    width: float = 0.0
    height: float = 0.0
    nodes: tuple[PlacedNode, ...] = ()
    edges: tuple[PlacedEdge, ...] = ()


def layout_of(workflow: Workflow) -> LayoutView:
    """The picture of a definition."""
    drawn, steps = outline(workflow), {}
    if len(drawn.nodes) > MOST or widest(drawn) > ABREAST:
        fewer = folded(drawn, ALIKE)
        drawn, steps = fewer.outline, fewer.steps
    if len(drawn.nodes) > MOST or widest(drawn) > TOO_WIDE:
        return LayoutView(drawn.title, drawn=False)
    try:
        found = places(drawn, _SHAPE)
    except InvalidInput:  # it is dense
        return LayoutView(drawn.title, drawn=False)
    low, high = found["bounds"]["min"], found["bounds"]["max"]
    left, top = _MARGIN - low["x"], _MARGIN - low["y"]

    def at(point: dict[str, float]) -> tuple[float, float]:
        return round(point["x"] + left, 1), round(point["y"] + top, 1)

    nodes: list[PlacedNode] = []
    for node, where in zip(drawn.nodes, found["nodes"], strict=True):
        (x, y), size = at(where["center"]), where["size"]
        width, height = size["width"], size["height"]
        nodes.append(
            PlacedNode(
                *(node.id, node.kind, node.step, node.lines),
                *(round(x - width / 2, 1), round(y - height / 2, 1), width, height),
                steps.get(node.id, ()),
            )
        )
    edges = tuple(
        PlacedEdge(edge.label, [at(point) for point in where["points"]])
        for edge, where in zip(drawn.edges, found["edges"], strict=True)
    )
    width, height = (high[axis] - low[axis] + 2 * _MARGIN for axis in ("x", "y"))
    return LayoutView(
        drawn.title, drawn=True, width=width, height=height, nodes=tuple(nodes), edges=edges
    )


async def _layout(call: Call) -> Any:
    digest = call.path["hash"]
    if not _HASH.fullmatch(digest):
        raise WorkflowNotFound(f"expected the hash of a definition, found {digest!r:.80}")
    plan = await call.fleet.stores.definitions.by_hash(digest)
    found = await asyncio.to_thread(layout_of, plan.workflow)
    call.headers["Cache-Control"] = _FOREVER
    return found


LAYOUTS = (
    Endpoint(
        "GET",
        "/definitions/{hash}/layout",
        "getLayout",
        "Where the boxes and arrows of a definition go.",
        _layout,
        LayoutView,
        cost=2.0,
    ),
)
