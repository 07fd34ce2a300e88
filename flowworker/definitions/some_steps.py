"""Those steps of a workflow that come before another one, with what they put out."""

from __future__ import annotations

__all__ = ["Schema", "SomeSteps"]

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

Schema: TypeAlias = dict[str, Any] | None
"""The JSON Schema of what a step puts out, if it is known."""


class SomeSteps(Mapping[str, Schema]):
    """Those steps whose bits are set."""

    def __init__(self, steps: Mapping[str, Schema], bits: Mapping[str, int], named: int) -> None:
        self._all = steps
        self._bits = bits
        self._named = named

    def __getitem__(self, step: str) -> Schema:
        if not self._bits[step] & self._named:
            raise KeyError(step)
        return self._all[step]

    def __iter__(self) -> Iterator[str]:
        return (step for step in self._all if self._bits[step] & self._named)

    def __len__(self) -> int:
        return sum(1 for _ in self)
