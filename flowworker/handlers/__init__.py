"""What users touch: an App, its handlers, and what a handler gets.

app          which function is which step: `App`
signature    a step's input -> a function's parameters, and what it returns -> its output
annotations  whether JSON can become what a signature promises, and the reverse
context      what a handler gets: `StepContext`
ambient      the context of the running task, for functions that are called without it
emitting     events that handlers publish, once
"""

from __future__ import annotations

__all__ = ["App", "StepContext"]

from flowworker.handlers.app import App
from flowworker.handlers.context import StepContext
