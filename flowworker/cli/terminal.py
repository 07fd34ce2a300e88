"""The standard streams as they may be: closed, without UTF-8, a terminal without colour."""

from __future__ import annotations

__all__ = ["is_colored", "prepare_streams"]

import io
import os
import sys
from typing import TextIO


def prepare_streams() -> None:
    """Open the three standard streams, on the null device if they are closed."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:  # closed; the next file to be opened must not take its place
            os.open(os.devnull, os.O_RDWR)
    sys.stdin = sys.stdin or open(0, encoding="utf-8")  # noqa: SIM115 - for good
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    for name in ("COLUMNS", "LINES"):
        if os.environ.get(name, "1").strip("0") == "":
            del os.environ[name]  # no width at all means that it is not known


def is_colored(stream: TextIO) -> bool:
    """Whether text that goes there is coloured."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return stream.isatty() and not plain
