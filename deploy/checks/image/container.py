"""Processes from an image: its user, its environment, and a root that is read-only.

`buildah run` gives a process a root that it may write, and would hide what it does to it. So the
image's files are mounted once, and each process sees them read-only in a mount namespace of its
own, and is process 1 of a process namespace of its own, as engines do it. The network is the
machine's, so that ports are those of any test.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.waiting import WAIT_LIMIT, blocking_eventually

VOLUME = "/mnt"
"""Where a process finds the one folder that it may write, if it is given one."""

NOTHING: Mapping[str, str] = {}

ENTER = f"""
mount --bind "$ROOT" "$ROOT"
mount --rbind /dev "$ROOT/dev"
mount -t proc proc "$ROOT/proc"
[ -z "$VOLUME" ] || mount --bind "$VOLUME" "$ROOT{VOLUME}"
mount -o remount,bind,ro "$ROOT"
cd "$ROOT"
exec chroot --userspec="$AS" . env --ignore-environment --chdir="$FOLDER" "$@"
"""


def buildah(*arguments: str) -> str:
    """What a buildah command prints."""
    command = ["buildah", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


@dataclass(frozen=True)
class Container:
    """A process that runs, as seen from outside of its namespaces."""

    outer: subprocess.Popen[str]

    @property
    def pid(self) -> int:
        """Of the process, which is 1 inside."""
        children = Path(f"/proc/{self.outer.pid}/task/{self.outer.pid}/children")
        [child] = blocking_eventually(lambda: children.read_text("utf-8").split(), "its process")
        return int(child)

    @property
    def users(self) -> set[str]:
        """Real, effective, saved and file system user."""
        status = Path(f"/proc/{self.pid}/status").read_text("utf-8")
        [line] = [line for line in status.splitlines() if line.startswith("Uid:")]
        return set(line.split()[1:])

    def end(self) -> int:
        """Send SIGTERM; the exit code."""
        os.kill(self.pid, signal.SIGTERM)
        return self.outer.wait(WAIT_LIMIT)


@dataclass(frozen=True)
class Image:
    """An image whose files are mounted."""

    root: Path
    config: dict[str, Any]
    logs: Path

    def command(
        self, *arguments: str, environment: Mapping[str, str], volume: Path | None
    ) -> tuple[list[str], dict[str, str]]:
        """What to run, and its environment, for a process as the image says."""
        variables = [*self.config["Env"], *(f"{key}={value}" for key, value in environment.items())]
        command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-euc", ENTER]
        inside = {
            "ROOT": str(self.root),
            "VOLUME": str(volume or ""),
            "AS": self.config["User"],
            "FOLDER": self.config["WorkingDir"],
            "PATH": os.environ["PATH"],
        }
        return [*command, "sh", *variables, *arguments], inside

    def run(
        self, *arguments: str, environment: Mapping[str, str] = NOTHING
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end."""
        command, inside = self.command(*arguments, environment=environment, volume=None)
        return subprocess.run(
            command, env=inside, capture_output=True, text=True, timeout=WAIT_LIMIT, check=False
        )

    @contextmanager
    def running(
        self,
        name: str,
        *arguments: str,
        environment: Mapping[str, str] = NOTHING,
        volume: Path | None = None,
    ) -> Iterator[Container]:
        """A process of the image's entry point; killed in the end if it still runs."""
        entry = [*self.config["Entrypoint"], *arguments]
        command, inside = self.command(*entry, environment=environment, volume=volume)
        with (self.logs / f"{name}.log").open("w", encoding="utf-8") as log:
            outer = subprocess.Popen(command, env=inside, stdout=log, stderr=log, text=True)
        try:
            yield Container(outer)
        finally:
            outer.kill()
            outer.wait()


@contextmanager
def mounted(name: str, logs: Path) -> Iterator[Image]:
    """The image's files for the time of a test."""
    container = buildah("from", name)
    try:
        config = json.loads(buildah("inspect", "--type", "image", name))["Docker"]["config"]
        yield Image(Path(buildah("mount", container)), config, logs)
    finally:
        buildah("rm", container)
