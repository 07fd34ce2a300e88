"""Limits: attempts ask before they are enqueued, and wait until they are let in.

slots     asks for an attempt, under all limits that it falls under
desk      one limit: who asks and who is over -> `core.limiting` -> its record
alarm     when to look at it again
standing  what became of an attempt, by the records
"""

from __future__ import annotations

__all__: list[str] = []
