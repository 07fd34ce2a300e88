"""Asking the operating system and the network about the processes of commands."""

from __future__ import annotations

import socket
import subprocess

from integration.cli.commands import APP, WORKFLOWS
from tests.support.waiting import blocking_eventually

DEV = ("dev", "--app", APP, "--workflows", str(WORKFLOWS), "--port", "0")


def is_reachable(url: str) -> bool:
    """Whether somebody listens there."""
    host, _, port = url.removeprefix("nats://").partition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def until_unreachable(url: str) -> None:
    blocking_eventually(lambda: not is_reachable(url))


def children(process: subprocess.Popen[str], arguments: str) -> list[int]:
    """Its children whose command line contains that."""
    listed = subprocess.run(
        ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(process.pid)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [int(line.split()[0]) for line in listed.splitlines() if arguments in line]
