"""`repeat` of a step, as users write it."""

from __future__ import annotations

__all__ = ["RepeatDocument"]

from typing import Annotated

from msgspec import Meta, Struct

from flowworker.core.repetition import MAX_ITERATIONS
from flowworker.definitions.shapes import GivenDuration


class RepeatDocument(Struct, forbid_unknown_fields=True):
    """The step is run again and again until an expression holds."""

    until: Annotated[
        str, Meta(description="Expression over `output`, of an iteration, and `iterations`.")
    ]
    interval: Annotated[
        GivenDuration | None,
        Meta(description="From the end of an iteration to the next; or 1s."),
    ] = None
    max: Annotated[
        Annotated[int, Meta(ge=1, le=MAX_ITERATIONS)] | None,
        Meta(description="Iterations after which the step fails with RepeatLimit; or 10,000."),
    ] = None
