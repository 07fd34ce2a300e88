"""The remote control of a fleet: start runs, look at them, wait for them, act on them.

remote     Client
starting   what a start message is made of
accepted   starts that no coordinator has taken in yet
results    waiting for the end of a run
views      runs and steps for people to look at
watching   events as they happen
"""

from __future__ import annotations

__all__ = ["Client", "RunResult", "RunSummary", "RunView", "StepView"]

from flowworker.client.remote import Client
from flowworker.client.results import RunResult
from flowworker.client.steps import StepView
from flowworker.client.views import RunSummary, RunView
