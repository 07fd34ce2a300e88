"""Limits as users write them in a step, and in a workflow."""

from __future__ import annotations

__all__ = [
    "ConcurrencyDocument",
    "DebounceDocument",
    "FairnessDocument",
    "LimitName",
    "RunConcurrencyDocument",
    "RunThrottleDocument",
    "SingletonDocument",
    "ThrottleDocument",
]

from typing import Annotated

from msgspec import Meta, Struct

from flowworker.core.admission import SingletonMode
from flowworker.core.fairness import GREATEST_WEIGHT, LEAST_WEIGHT
from flowworker.core.limit import LIMIT_NAME, MAX_CONCURRENCY, Strategy
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


class FairnessDocument(Struct, forbid_unknown_fields=True):
    """Whose share of its queue an attempt of the step takes, beside those of other keys."""

    key: Annotated[
        str,
        Meta(
            description="An expression; the same key in other workflows shares with it.",
            examples=["input.customer"],
        ),
    ]
    weight: Annotated[
        Annotated[float, Meta(ge=LEAST_WEIGHT, le=GREATEST_WEIGHT)] | str | None,
        Meta(
            description="How large the share is beside that of weight 1; or an expression.",
            examples=[2, "input.plan == 'gold' ? 5 : 1"],
        ),
    ] = None


_Key = Annotated[
    str | None,
    Meta(
        description="An expression over `input` and `labels`; without it there is one for all.",
        examples=["input.customer"],
    ),
]


class RunConcurrencyDocument(Struct, forbid_unknown_fields=True):
    """How many runs of the workflow may be at work at a time."""

    limit: Annotated[
        int,
        Meta(ge=1, le=MAX_CONCURRENCY, description="So many for each value of the key."),
    ]
    key: _Key = None
    strategy: Annotated[
        Strategy | None,
        Meta(description="What becomes of a run for which there is no place; else it waits."),
    ] = None


class RunThrottleDocument(Struct, forbid_unknown_fields=True):
    """How often a run of the workflow may begin."""

    limit: Annotated[int, Meta(ge=1, description="So many in a period, for each value of the key.")]
    period: Annotated[Duration, Meta(description="At most 1,000 may begin in a second.")]
    burst: Annotated[
        Annotated[int, Meta(ge=1, le=MAX_BURST)] | None,
        Meta(description="So many may begin at once."),
    ] = None
    key: _Key = None


class DebounceDocument(Struct, forbid_unknown_fields=True):
    """Of starts that come close together, only the last one begins."""

    period: Annotated[Duration, Meta(description="For so long no other one may come.")]
    timeout: Annotated[
        Duration | None,
        Meta(description="So long after the first one the last one begins in any case."),
    ] = None
    key: _Key = None


class SingletonDocument(Struct, forbid_unknown_fields=True):
    """One run of the workflow at a time."""

    key: _Key = None
    mode: Annotated[
        SingletonMode | None,
        Meta(description="What becomes of another start: it is rejected, or takes the place."),
    ] = None
