"""Words that several reasons use."""

from __future__ import annotations

__all__ = ["FEW", "few", "lasted", "spelled", "within"]

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

FEW = 3
"""Names in a sentence."""

_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def spelled(seconds: float) -> str:
    """A duration in at most two units: `2 h 5 min`; below ten seconds with a decimal place."""
    if seconds < 10:  # noqa: PLR2004 - see above
        return f"{max(seconds, 0.0):.1f} s"
    left, parts = round(seconds), []
    for unit, length in _UNITS:
        count, left = divmod(left, length)
        if count:
            parts.append(f"{count} {unit}")
        elif parts:
            break
    return " ".join(parts[:2])


def lasted(since: float, now: float) -> str:
    """`for 12 s`, with a space before it; nothing if it is not known since when."""
    return f" for {spelled(now - since)}" if since else ""


def within(until: float, now: float) -> str:
    """`in 12 s`, with a space before it; nothing if it is not known until when."""
    return f" in {spelled(until - now)}" if until else ""


def few(names: Sequence[str]) -> str:
    """The first names, and how many there are besides."""
    more = f" and {len(names) - FEW} more" if len(names) > FEW else ""
    return ", ".join(names[:FEW]) + more
