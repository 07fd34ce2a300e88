"""A server that disconnects a client that takes nothing."""

from __future__ import annotations

import time

from flowworker.embedded import EmbeddedServer

IMPATIENT = 'write_deadline: "1s"\n'
"""The server ends a connection that takes nothing for so long."""


def slow_consumers(server: EmbeddedServer, wait: float = 0.0) -> int:
    """How many the server says that it has disconnected; waits for the first."""
    until = time.monotonic() + wait
    while True:
        found = server.log_path.read_text().count("Slow Consumer Detected")
        if found or time.monotonic() > until:
            return found
        time.sleep(0.02)
