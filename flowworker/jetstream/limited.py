"""Whether each named limit that steps wait for is set: one that is not lets nobody in."""

from __future__ import annotations

__all__ = ["limits_that_are_set"]

from collections import Counter
from typing import TYPE_CHECKING

from flowworker.codec.json import decode_limit
from flowworker.codec.keys import limit_key, waiting_key
from flowworker.core.limit import named_limit
from flowworker.jetstream.client.subjects import subjects_of
from flowworker.jetstream.findings import Finding

if TYPE_CHECKING:
    from flowworker.jetstream.client.api import Api
    from flowworker.jetstream.names import Names
    from flowworker.ports import Records

SHOWN = 5
"""Names that the finding has at most."""


async def limits_that_are_set(api: Api, names: Names, records: Records) -> Finding:
    """One list of all who wait, and one record for each name that they wait for."""
    pattern = names.first.runs.filter(waiting_key(named_limit("*"), "*", "*", ">"))
    before = pattern.partition("*")[0]
    found = await subjects_of(api, names.first.runs.stream, pattern)
    waiting = Counter(subject.removeprefix(before).partition(".")[0] for subject in found)
    unset = [name for name in sorted(waiting) if not await _is_set(records, name)]
    if not unset:
        about = "all that steps wait for are set" if waiting else "no step waits for a named one"
        return Finding("limits", ok=True, found=about)
    shown = ", ".join(f"{name} ({waiting[name]:,})" for name in unset[:SHOWN])
    others = f" and {len(unset) - SHOWN} more" if len(unset) > SHOWN else ""
    return Finding(
        "limits",
        ok=False,
        found=f"nobody has set {shown}{others}, which steps wait for",
        advice=f"`flowworker limits set {unset[0]} --concurrency N` says how many may be at work",
    )


async def _is_set(records: Records, name: str) -> bool:
    key = limit_key(named_limit(name))
    found = await records.read(key)
    return found is not None and decode_limit(key, found[0]).is_set
