"""Schedules: what follows when a time has come, a run has ended, or an operator has acted."""

from __future__ import annotations

__all__: list[str] = []
