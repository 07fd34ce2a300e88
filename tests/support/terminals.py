"""Commands on a terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios

from tests.support.waiting import WAIT_LIMIT

COMMAND = [sys.executable, "-m", "flowworker"]


def on_terminal(*arguments, size=(24, 80), typed="", **environment):
    """What a command shows on a terminal on which something is typed, and its exit code."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
    with subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", **environment},
    ) as process:
        os.close(theirs)
        os.write(ours, typed.encode())
        shown = b""
        while select.select([ours], [], [], WAIT_LIMIT)[0]:
            try:
                shown += os.read(ours, 65_536)
            except OSError:  # nobody has it open any more
                break
    os.close(ours)
    return shown.decode(), process.returncode
