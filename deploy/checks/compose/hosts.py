"""Hosts of a network of their own: one for each container, with its name in the network's DNS.

A host is a network namespace on a bridge that is in a namespace as well, so that nothing of the
machine's own network is touched. A name has the address of each host that was given it, as names
of services have in compose.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Self

NET = "10.213.7"
"""No packet of it leaves the machine."""


def run(*command: str) -> None:
    """Run a command that has to succeed."""
    subprocess.run(command, check=True)


class Network:
    """The bridge, its DNS, and hosts as they come."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._switch = f"fw{os.getpid()}"
        self._hosts: dict[str, str] = {}
        self._dns: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._names.touch()
        run("ip", "netns", "add", self._switch)
        self._in_switch("ip", "link", "add", "name", "bridge", "type", "bridge")
        self._in_switch("ip", "address", "add", f"{NET}.1/24", "dev", "bridge")
        self._in_switch("ip", "link", "set", "bridge", "up")
        dns = ("dnsmasq", "--keep-in-foreground", "--no-hosts", "--no-resolv", "--no-poll")
        more = ("--conf-file=/dev/null", "--user=root", "--pid-file=", f"--listen-address={NET}.1")
        self._dns = subprocess.Popen(
            ["ip", "netns", "exec", self._switch, *dns, *more, f"--addn-hosts={self._names}"]
        )
        return self

    def __exit__(self, *_: object) -> None:
        if self._dns is not None:
            self._dns.kill()
            self._dns.wait()
        for name in (*self._hosts, self._switch):
            run("ip", "netns", "delete", name)

    @property
    def _names(self) -> Path:
        return self._folder / "hosts"

    def _in_switch(self, *command: str) -> None:
        run("ip", "netns", "exec", self._switch, *command)

    def host(self, name: str) -> str:
        """Add a host that answers to a name; its namespace."""
        number = len(self._hosts) + 2
        host = f"{self._switch}-{number}"
        run("ip", "netns", "add", host)
        self._hosts[host] = f"{NET}.{number}"
        inside = ("ip", "-netns", host)
        port = f"port{number}"
        self._in_switch(
            "ip", "link", "add", "name", port, "type", "veth", "peer", "name", "eth0", "netns", host
        )
        self._in_switch("ip", "link", "set", port, "master", "bridge", "up")
        run(*inside, "address", "add", f"{NET}.{number}/24", "dev", "eth0")
        run(*inside, "link", "set", "eth0", "up")
        run(*inside, "link", "set", "lo", "up")
        with self._names.open("a", encoding="utf-8") as names:
            names.write(f"{NET}.{number} {name}\n")
        assert self._dns is not None
        self._dns.send_signal(1)  # it reads the names again
        return host


ENTER = """
mount -t overlay overlay -o "lowerdir=/,upperdir=$FOLDER/upper,workdir=$FOLDER/work" "$FOLDER/root"
cd "$FOLDER/root"
for path in dev proc sys "${TREE#/}"; do mount --rbind "/$path" "./$path"; done
printf 'nameserver %s\\n' "$DNS" >etc/resolv.conf
while [ "$1" != -- ]; do
  if [ -d "$1" ]; then mkdir -p ".$2"; else mkdir -p ".${2%/*}"; touch ".$2"; fi
  mount --bind "$1" ".$2"
  shift 2
done
shift
exec chroot . env --ignore-environment --chdir="$INTO" "$@"
"""


def start(
    host: str,
    folder: Path,
    command: Sequence[str],
    environment: Sequence[str],
    mounts: Sequence[tuple[str, str]],
    log: Path,
) -> subprocess.Popen[bytes]:
    """Start a process on a host, with folders and files where a container would have them.

    It sees the machine's files, and what it writes goes to a folder of its own.
    """
    shutil.rmtree(folder, ignore_errors=True)
    for part in ("upper", "work", "root"):
        (folder / part).mkdir(parents=True)
    (folder / "upper" / "app").mkdir()
    flat = [part for mount in mounts for part in mount]
    inside = {
        "FOLDER": str(folder),
        "TREE": str(Path.cwd()),
        "DNS": f"{NET}.1",
        "INTO": "/app",
        "PATH": os.environ["PATH"],
    }
    entered = ["ip", "netns", "exec", host, "bash", "-euc", ENTER, "bash", *flat, "--"]
    with log.open("ab") as output:
        return subprocess.Popen(
            [*entered, *environment, *command], env=inside, stdout=output, stderr=output
        )


def end(process: subprocess.Popen[bytes], within: float) -> int:
    """Ask a process to end, as `docker stop` does, and kill it if it takes longer."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        return process.wait(within)
    process.kill()
    return process.wait()
