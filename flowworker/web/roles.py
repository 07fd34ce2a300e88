"""Who asks, and what they may do."""

from __future__ import annotations

__all__ = ["ANYBODY", "Caller", "Role"]

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a caller may do; who may do more may do less as well."""

    NOBODY = "nobody"
    VIEWER = "viewer"
    OPERATOR = "operator"

    def includes(self, other: Role) -> bool:
        """Whether this role may do what the other one may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request.

    Attributes:
        name: kept with answers to steps that ask.
        ambient: a browser adds what proves it to each request by itself, also to those that
            another site makes it send.
    """

    name: str
    role: Role
    ambient: bool = False


ANYBODY = Caller("", Role.NOBODY)
