"""What tests are made with: users' tests of their workflows, and flowworker's own.

workflow   `WorkflowTest`: an engine whose time passes as fast as the test goes
run        `TriedRun`: what became of a run, and what may be done about it
replacing  `returns`, `fails`, `hangs`: instead of handlers
handler    `handler_context`: one handler alone
app        the App of a test: replaced handlers, and the calls of all
reading    the workflows of a test, and the handlers that they use
limits     those that its steps name
engine     coordinator, worker and client of a test
loop       an event loop whose time jumps, beside the real world
threads    for handlers that are plain functions
clock      `ManualClock`: stands still until it is moved
"""

from __future__ import annotations

__all__ = [
    "Call",
    "Emitted",
    "HandlerContext",
    "ManualClock",
    "Replacement",
    "StepOfRun",
    "TriedRun",
    "WorkflowTest",
    "fails",
    "handler_context",
    "hangs",
    "returns",
]

from flowworker.testing.app import Call
from flowworker.testing.clock import ManualClock
from flowworker.testing.handler import HandlerContext, handler_context
from flowworker.testing.replacing import Replacement, fails, hangs, returns
from flowworker.testing.run import TriedRun
from flowworker.testing.seen import Emitted, StepOfRun
from flowworker.testing.workflow import WorkflowTest
