"""The runs that a run's steps are, and those that these runs' steps are."""

from __future__ import annotations

__all__ = ["MOST", "with_children"]

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from flowworker.core.status import StepStatus
from flowworker.errors import RunNotFound

if TYPE_CHECKING:
    from flowworker.client.views import RunView, Views

MOST = 100
"""Children of one run that are read, those first that have not completed."""


async def with_children(
    views: Views, run: RunView, *, values: bool = False, reveal: bool = False
) -> RunView:
    """The same with its children, but for those that are no longer retained."""

    async def read(child: str) -> RunView | None:
        try:
            seen = await views.run(child, values=values, reveal=reveal)
            return await with_children(views, seen, values=values, reveal=reveal)
        except RunNotFound:
            return None

    steps = sorted(run.each(), key=lambda step: step.status is StepStatus.COMPLETED)
    wanted = [step.child for step in steps if step.child][:MOST]
    found = await asyncio.gather(*map(read, wanted))
    return replace(run, children=tuple(child for child in found if child is not None))
