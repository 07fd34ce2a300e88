"""The dashboard of a `dev` process: what its greeting says of it."""

from __future__ import annotations

import re
import subprocess


def greeting(process: subprocess.Popen[str]) -> list[str]:
    """All lines that a `dev` prints until it says how it is ended."""
    assert process.stdout is not None
    found: list[str] = []
    for line in process.stdout:
        found.append(line.rstrip("\n"))
        if line.startswith("Ctrl-C"):
            return found
    raise AssertionError(f"it ended after {found}")


def said_of(lines: list[str]) -> list[str]:
    """What it says of its dashboard."""
    return [line.removeprefix("dashboard ") for line in lines if line.startswith("dashboard ")]


def place_in(said: str) -> tuple[str, int, str]:
    """Host, port and token of the address."""
    found = re.fullmatch(r"at http://([\d.]+):(\d+)/#token=(\S+)", said)
    assert found, said
    return found[1], int(found[2]), found[3]
