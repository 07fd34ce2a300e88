"""The end of a process of the command line: it waits for nobody for long."""

from __future__ import annotations

__all__ = ["end_soon", "leave"]

import os
import sys
import threading
from contextlib import suppress

from flowworker.cli.errors import say

_LONGEST_EXIT = 3.0
"""Seconds for the interpreter to end by itself."""


def end_soon(code: int) -> None:
    """Let the interpreter end by itself, but not wait long for threads and children of handlers."""
    timer = threading.Timer(_LONGEST_EXIT, leave, (code,))
    timer.daemon = True
    timer.start()


def leave(code: int) -> None:
    """End this process now, whatever its threads do."""
    say("handlers that did not return are left behind")
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    os._exit(code)
