"""Attempts as scenarios write them."""

from __future__ import annotations

from collections.abc import Iterable

from flowworker.core.effects import Dispatch, Fence
from flowworker.core.status import Kind

_WORDS = {Kind.RUN: "", Kind.FALLBACK: "else ", Kind.COMPENSATE: "undo "}


def in_words(effects: Iterable[Dispatch | Fence]) -> list[str]:
    words = []
    for effect in effects:
        attempt = effect.attempt
        turn = f"@{attempt.turn}" if attempt.turn > 1 else ""
        turn += f"~{attempt.iteration}" if attempt.iteration > 1 else ""
        number = f"#{attempt.number}" if attempt.number > 1 else ""
        force = "!" if isinstance(effect, Fence) and effect.force else ""
        words.append(f"{_WORDS[attempt.kind]}{effect.step}{turn}{number}{force}")
    return words
