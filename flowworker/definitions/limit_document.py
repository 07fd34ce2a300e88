"""Limits as users write them in a step."""

from __future__ import annotations

__all__ = ["ConcurrencyDocument", "LimitName"]

from typing import Annotated

from msgspec import Meta, Struct

from flowworker.core.limit import LIMIT_NAME, MAX_CONCURRENCY

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
