"""The keys of a loop, as users write them (see `document`)."""

from __future__ import annotations

__all__ = ["ITEM_NAME", "MAX_ITEMS", "PERCENTAGE", "ForEachDocument"]

import re
from typing import Annotated, Any

from msgspec import Meta, Struct, field

from flowworker.core.ids import MAX_NAME

MAX_ITEMS = 10_000
"""Most items of one loop."""

ITEM_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""Names of items: identifiers of expressions."""

PERCENTAGE = re.compile(r"(100(\.0*)?|[0-9]{1,2}(\.[0-9]{1,6})?)%")


class ForEachDocument(Struct, forbid_unknown_fields=True):
    """The step is done once for each item, at the same time; its output is the list of theirs."""

    items: Annotated[
        str | list[Any] | dict[str, Any],
        Meta(
            description="Expression that gives a list or a map, or one as it is, in which texts "
            "may have ${…}.",
            examples=["input.images", "steps.list.output.files"],
        ),
    ]
    as_: Annotated[
        Annotated[str, Meta(pattern=f"^{ITEM_NAME.pattern}$", max_length=MAX_NAME)] | None,
        Meta(description="Name of the item in expressions, beside `index`; item if not given."),
    ] = field(default=None, name="as")
    max_parallel: Annotated[
        Annotated[int, Meta(ge=1, le=MAX_ITEMS)] | None,
        Meta(description="How many instances are begun and not over, at most."),
    ] = None
    tolerated_failures: Annotated[
        Annotated[int, Meta(ge=0, le=MAX_ITEMS)]
        | Annotated[str, Meta(pattern=rf"^{PERCENTAGE.pattern}$")]
        | None,
        Meta(
            description="How many instances may fail, or which part of all: 3, 5%.",
            examples=[3, "5%"],
        ),
    ] = None
