"""The in-process runner: a coordinator and a worker in one, under the seed's method names.

runner    `Runner`
parts     what it is made of while it runs
resuming  an execution that was interrupted, made ready to go on
relay     events told on a bus of the user's
scope     `with_runner`: the context functions outside of handlers
"""

from __future__ import annotations

__all__ = ["Runner", "with_runner"]

from flowworker.runner.runner import Runner
from flowworker.runner.scope import with_runner
