"""What tests of workflows and of flowworker itself are made with."""

from __future__ import annotations

__all__ = ["ManualClock"]

from flowworker.testing.clock import ManualClock
