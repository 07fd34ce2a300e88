"""Why an expression has no value."""

from __future__ import annotations

__all__ = ["Failure"]


class Failure(Exception):
    """An expression, or a part of it, has no value; the message says why."""
