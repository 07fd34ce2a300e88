"""Ports for servers that have to be given theirs: no two processes of this machine get the same."""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from contextlib import suppress
from pathlib import Path

_FIRST, _COUNT = 20_000, 12_000
"""Ports that systems hand out to nobody: processes that ask for any port cannot get these."""

_COUNTER = Path(tempfile.gettempdir()) / f"flowworker-ports-{os.getuid()}"
"""How many were given out. A server takes a while to listen on its port; until then only this says
that the port is taken."""


def free_port() -> int:
    """One on which nobody listens, and which nobody else is given for the next 12,000 times."""
    while True:
        port = _FIRST + _next() % _COUNT
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _next() -> int:
    with _COUNTER.open("a+") as counter:
        fcntl.flock(counter, fcntl.LOCK_EX)
        counter.seek(0)
        number = int(counter.read() or 0)
        counter.truncate(0)
        counter.write(str(number + 1))
    return number
