"""Child processes that a handler forked and that return into the worker's code."""

from __future__ import annotations

__all__ = ["end_child_of"]

import os
import sys
from contextlib import suppress


def end_child_of(process: int, error: BaseException | None = None) -> None:
    """End such a child; in the worker itself do nothing.

    The child shares the worker's connection, and would go on with its work.

    Args:
        process: the id of the process in which the handler was called.
        error: what the child raised; a SystemExit says how it ends.
    """
    if os.getpid() == process:
        return
    code = error.code if isinstance(error, SystemExit) else None if error is None else 1
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))
