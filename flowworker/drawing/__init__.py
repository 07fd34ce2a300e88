"""Pictures of workflows: the same definition always gives the same text.

outline    workflow -> nodes and edges, and what stands in them
mermaid    as a Mermaid flowchart
dot        as a Graphviz graph
svg        as an SVG picture
"""

from __future__ import annotations

__all__ = ["as_dot", "as_mermaid", "as_svg"]

from flowworker.drawing.dot import as_dot
from flowworker.drawing.mermaid import as_mermaid
from flowworker.drawing.svg import as_svg
