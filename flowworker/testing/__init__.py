"""What tests are made with: users' tests of their workflows, and flowworker's own."""

from __future__ import annotations

__all__ = ["ManualClock"]

from flowworker.testing.clock import ManualClock
