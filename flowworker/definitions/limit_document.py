"""Limits as users write them in a step."""

from __future__ import annotations

__all__ = ["ConcurrencyDocument", "LimitName", "ThrottleDocument"]

from typing import Annotated

from msgspec import Meta, Struct

from flowworker.core.limit import LIMIT_NAME, MAX_CONCURRENCY
from flowworker.core.rate import MAX_BURST
from flowworker.definitions.shapes import Duration

LimitName = Annotated[str, Meta(pattern=f"^{LIMIT_NAME.pattern}$", examples=["stripe-api"])]


class ConcurrencyDocument(Struct, forbid_unknown_fields=True):
    """How many attempts of the step may be at work at a time; the others wait, in order."""

    limit: Annotated[
        int,
        Meta(ge=1, le=MAX_CONCURRENCY, description="So many for each value of the key."),
    ]
    key: Annotated[
        str | None,
        Meta(
            description="An expression; without it the limit is one for all runs.",
            examples=["input.customer"],
        ),
    ] = None


class ThrottleDocument(Struct, forbid_unknown_fields=True):
    """How often an attempt of the step may begin; the others wait, in order."""

    limit: Annotated[int, Meta(ge=1, description="So many in a period, for each value of the key.")]
    period: Annotated[Duration, Meta(description="At most 1,000 may begin in a second.")]
    burst: Annotated[
        Annotated[int, Meta(ge=1, le=MAX_BURST)] | None,
        Meta(description="So many may begin at once; else those of a tenth of a second."),
    ] = None
    key: Annotated[
        str | None,
        Meta(
            description="An expression; without it the rate is one for all runs.",
            examples=["input.customer"],
        ),
    ] = None
