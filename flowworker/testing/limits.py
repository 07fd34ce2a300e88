"""The limits with names of workflows that are tried: operators set them, and here is none."""

from __future__ import annotations

__all__ = ["checked_limits", "limits_of", "set_limits"]

from typing import TYPE_CHECKING

from flowworker.core.children import groups_in
from flowworker.core.limit import MAX_CONCURRENCY, LimitRecord, named_limit
from flowworker.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from flowworker.core.model import Workflow
    from flowworker.stores.limits import LimitStore


def limits_of(workflows: Collection[Workflow]) -> set[str]:
    """The names that their steps say, in groups too."""
    every = [each for workflow in workflows for each in (*groups_in(workflow), workflow)]
    steps = [step for each in every for step in (*each.steps, *each.finally_)]
    return {name for step in steps for name in step.limits}


def checked_limits(given: Mapping[str, int], known: Collection[str]) -> dict[str, int]:
    """How many each of the known ones allows: what is given, and else as many as any limit can.

    Raises:
        InvalidInput: one is not known, or not from 1 to 1,000.
    """
    for name, concurrency in given.items():
        if name not in known:
            names = ", ".join(sorted(known)) or "none"
            raise InvalidInput(f"limits: no workflow names {name!r}; they name {names}")
        if isinstance(concurrency, bool) or not 1 <= concurrency <= MAX_CONCURRENCY:
            expected = f"a whole number from 1 to {MAX_CONCURRENCY:,}"
            raise InvalidInput(f"limits: {name}: expected {expected}, found {concurrency!r}")
    return dict.fromkeys(sorted(known), MAX_CONCURRENCY) | dict(given)


async def set_limits(store: LimitStore, limits: Mapping[str, int]) -> None:
    """Write their records, where no coordinator runs yet."""
    for name, concurrency in limits.items():
        await store.save(LimitRecord(named_limit(name), concurrency=concurrency), 0)
