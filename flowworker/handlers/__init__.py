"""What users touch: an App, its handlers, and what a handler gets.

app          which function is which step: `App`
handler      a registered function: a step's input -> its arguments, its result -> the output
signature    the function's parameters, read once
annotations  whether JSON can become what a signature promises, and the reverse
context      what a handler gets: `StepContext`
ambient      the context of the running task, for functions that are called without it
emitting     events that handlers publish, once
resources    what the handlers of one worker share
"""

from __future__ import annotations

__all__ = ["App", "StepContext"]

from flowworker.handlers.app import App
from flowworker.handlers.context import StepContext
