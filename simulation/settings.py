"""Settings of a fleet: short times, and limits that are low in some worlds."""

from __future__ import annotations

__all__ = ["LONGEST", "LOWEST", "RETENTION", "any_settings", "output_sizes"]

from typing import TYPE_CHECKING

from flowworker.settings import Settings

if TYPE_CHECKING:
    from random import Random

RETENTION = 40.0

LOWEST = 700
"""Bytes that some payloads may have, at most, where that is least."""

LONGEST = 100
"""Letters of padding that stricter definitions allow."""

_LOW = 1000
"""Bytes: limits below it are low, and those of real fleets are above it."""


def any_settings(random: Random, sizes: Random, *, cramped: bool) -> Settings:
    """Drawn; with `cramped` messages have room for little."""
    limits = random.choice(((32_768, 262_144), (32_768, 262_144), (150, 600)))
    if cramped:
        limits = (150, 600)
    return Settings(
        lease=6.0,
        partition_lease=random.choice((3.0, 6.0)),
        inline_limit=limits[0],
        message_limit=limits[1],
        payload_limit=sizes.choice((64 * 1024 * 1024, LOWEST if limits[0] < _LOW else 40_000)),
        retention=RETENTION,
        short_delay=1.0,
        drain=2.0,
        sweep=random.choice((3.0, 6.0)),
        max_active=random.choice((2, 50_000)),
    )


def output_sizes(settings: Settings) -> tuple[int, ...]:
    """Bytes that outputs may have: on both sides of every limit that is low."""
    limits = (settings.inline_limit, settings.message_limit, settings.payload_limit)
    return (200, *(limit + by for limit in limits if limit < _LOW for by in (-60, 60)))
