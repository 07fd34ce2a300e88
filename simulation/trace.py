"""What happened in a world, line by line; for humans, and to tell whether two worlds are equal."""

from __future__ import annotations

__all__ = ["Trace"]

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowworker.simulate.loop import VirtualLoop
    from simulation.process import Process

_SHOWN = 160

_PLAIN = (bool, bytes, dict, float, int, list, str, tuple)


class Trace:
    """Keeps lines if it is asked to; otherwise costs next to nothing."""

    def __init__(self, virtual: VirtualLoop, *, keep: bool) -> None:
        """Stamp lines with the loop's time."""
        self.lines: list[str] = []
        self.keep = keep
        self._virtual = virtual

    def call(self, process: Process, port: str, about: str, result: object) -> None:
        """A process called a port."""
        if self.keep:
            self.note(process.name, f"{port} {about} -> {_short(result)}")

    def note(self, who: str, what: str) -> None:
        """Something else happened."""
        if self.keep:
            self.lines.append(f"{self._virtual.moment:10.4f}  {who:<6} {what}")

    def digest(self) -> str:
        """The same for the same lines, and only for those."""
        return hashlib.sha256("\n".join(self.lines).encode()).hexdigest()


def _short(result: object) -> str:
    if result is None:
        return "done"
    # Other things have addresses, which are different every time.
    text = repr(result) if isinstance(result, _PLAIN) else type(result).__name__
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
