"""What a command and a process cost before they do anything.

    python -m bench.startup

Processor time of commands, from their start to their end; how long a worker and a coordinator take
until `/readyz` says yes; and the memory of both after a while in which there is nothing to do. Each
several times, the median counts; beside them what an interpreter takes that runs nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import urlopen

from msgspec import Struct

from bench.fleet import BenchFleet, chain
from bench.ports import free_port
from bench.report import Setup, setup, write
from flowworker import wiring
from flowworker.client import Client
from flowworker.jetstream import ConnectionOptions
from flowworker.stores.stores import stores_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

BARE = ("-c", "pass")
COMMANDS = {
    "an interpreter, nothing else": BARE,
    "`flowworker --help`": ("-m", "flowworker", "--help"),
    "`flowworker worker --help`": ("-m", "flowworker", "worker", "--help"),
    "`flowworker status RUN`": ("-m", "flowworker", "status", "first"),
    "`flowworker list`": ("-m", "flowworker", "list"),
}
ROLES = {"worker": ("worker", "--app", "bench.handlers:app"), "coordinator": ("coordinator",)}
POLL = 0.005
READY_LIMIT = 60.0


class Process(Struct):
    """Of one role, once each time.

    Attributes:
        ready: seconds from its start until it is ready.
        cpu: seconds of processor time by then.
        memory: bytes when it has had nothing to do for a while.
        own: those of them that it shares with no other process.
    """

    ready: list[float] = []
    cpu: list[float] = []
    memory: list[int] = []
    own: list[int] = []


class Found(Struct):
    """Seconds of processor time by command, and what processes take by role."""

    setup: Setup
    commands: dict[str, list[float]]
    processes: dict[str, Process]


def processor_time(arguments: Sequence[str], environment: dict[str, str]) -> float:
    """Seconds of a processor that a Python process takes from its start to its end."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    with process.stderr as stderr:
        said = stderr.read()
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with {process.returncode}: {said!r}")
    return used.ru_utime + used.ru_stime


def look(role: str, environment: dict[str, str], rest: float, found: Process) -> None:
    """Start one, wait until it is ready, let it rest, and end it."""
    port = free_port()
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "flowworker", *ROLES[role], "--http-port", str(port)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _until(lambda: _is_ready(port), process)
        found.ready.append(time.monotonic() - began)
        found.cpu.append(_used(process.pid))
        time.sleep(rest)
        found.memory.append(_of(process.pid, "Rss"))
        found.own.append(_of(process.pid, "Private_Clean") + _of(process.pid, "Private_Dirty"))
    finally:
        process.terminate()
        process.wait()


def _until(is_so: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + READY_LIMIT
    while not is_so():
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError("a process does not become ready")
        time.sleep(POLL)


def _is_ready(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def _used(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _of(pid: int, what: str) -> int:
    """Bytes of its memory, as Linux counts them."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{what}:"))


async def _prepare(url: str, fleet: BenchFleet) -> None:
    """A run that `status` can show."""
    async with wiring.nats(ConnectionOptions(url=url)) as backend:
        client = Client(stores_of(backend))
        workflow = chain(5)
        await client.register(workflow)
        fleet.start()
        (await client.run(workflow.name, run_id="first", timeout=60.0)).raise_for_status()
        client.close()
    await asyncio.to_thread(fleet.stop)


def measured(given: argparse.Namespace) -> Found:
    """Commands and processes in turn, so that what else the machine does falls upon each."""
    commands: dict[str, list[float]] = {name: [] for name in COMMANDS}
    processes = {role: Process() for role in ROLES}
    load = os.getloadavg()[0]
    with BenchFleet(workers=1) as fleet:
        asyncio.run(_prepare(fleet.server.url, fleet))
        environment = os.environ | {"FLOWWORKER_NATS_URL": fleet.server.url}
        for _ in range(given.times):
            for name, arguments in COMMANDS.items():
                commands[name].append(processor_time(arguments, environment))
        for _ in range(given.processes):
            for role, found in processes.items():
                look(role, environment, given.rest, found)
        about = setup(
            steps=5,
            workers=1,
            server=fleet.server.version,
            load=max(load, os.getloadavg()[0]),
        )
    return Found(about, commands, processes)


def table(found: Found) -> list[str]:
    """For people."""
    lines = ["| | median |", "| --- | ---: |"]
    for name, seconds in found.commands.items():
        lines.append(f"| {name}: processor time | {statistics.median(seconds):.2f} s |")
    for role, process in found.processes.items():
        memory, own = statistics.median(process.memory) / 1e6, statistics.median(process.own) / 1e6
        lines += [
            f"| {role}: until it is ready | {statistics.median(process.ready):.2f} s |",
            f"| {role}: processor time by then | {statistics.median(process.cpu):.2f} s |",
            f"| {role}: memory at rest; of that its own | {memory:.0f}; {own:.0f} MB |",
        ]
    return lines


def main() -> None:
    """`python -m bench.startup`."""
    parser = argparse.ArgumentParser(prog="python -m bench.startup", description=__doc__)
    parser.add_argument("--times", type=int, default=7, help="that each command is executed")
    parser.add_argument("--processes", type=int, default=3, help="that each process is started")
    parser.add_argument("--rest", type=float, default=10.0, help="seconds until its memory counts")
    found = measured(parser.parse_args())
    about = found.setup
    sys.stdout.write(
        f"CPython {about.python}, nats-server {about.nats_server}, {about.cpus} processors of "
        f"{about.machine}, load {about.load:.1f}\n"
    )
    sys.stdout.write("\n".join([*table(found), f"written to {write('startup', found)}"]) + "\n")


if __name__ == "__main__":
    main()
