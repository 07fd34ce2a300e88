"""Kills a process in the middle of a workflow, and has another one go on with it.

    python -m examples.resume --store redis     a Runner on Redis, resumed by resume_execution
    python -m examples.resume --store nats      the same on NATS
    python -m examples.resume --store fleet     coordinator and worker, which recover by themselves

Exits 0 if the workflow completed, no completed step was run again, and the interrupted one was.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import nullcontext
from pathlib import Path

from examples.orders.fleet import ROOT, Fleet
from examples.resume import servers
from examples.resume.settings import ENVIRONMENT, WORKFLOW, load
from flowworker import FlowworkerError, connect

RUN = "order-7"
WAIT_LIMIT = 100.0
EXPECTED = {"reserve": 1, "charge": 2, "pack": 1, "ship": 1}


class Demo:
    """One demo in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trace = folder / "trace"
        self.environment = {**ENVIRONMENT, "RESUME_TRACE": str(self.trace)}

    def ran(self) -> Counter[str]:
        """How often each step ran."""
        text = self.trace.read_text("utf-8") if self.trace.exists() else ""
        return Counter(line.split()[0] for line in text.splitlines())

    def wait_for(self, step: str) -> int:
        """Wait until a step runs; the process in which it does."""
        end = time.monotonic() + WAIT_LIMIT
        while not self.ran()[step]:
            if time.monotonic() > end:
                raise servers.NoServer(f"step {step!r} did not start; see {self.folder}")
            time.sleep(0.02)
        lines = self.trace.read_text("utf-8").splitlines()
        return int(next(line.split()[1] for line in lines if line.startswith(f"{step} ")))

    def runner(self, kind: str, url: str) -> None:
        """A process with a runner is killed; another one resumes."""
        first = self._process("execute", kind, url)
        try:
            self.wait_for("charge")
        finally:
            first.kill()
            first.wait()
        print(f"killed the runner (pid {first.pid}) while it charged")
        second = self._process("resume", kind, url)
        try:
            shipped, _ = second.communicate(timeout=WAIT_LIMIT)
        finally:
            second.kill()
            second.wait()
        print(
            f"resumed by another runner (pid {second.pid}): {shipped.decode().strip() or 'failed'}"
        )

    async def fleet(self, url: str) -> None:
        """Coordinator and worker are killed; others go on by themselves."""
        environment = {**self.environment, "FLOWWORKER_NATS_URL": url}
        serve = ("worker", "--app", "examples.resume.handlers:app")
        with Fleet(self.folder, environment) as fleet:
            fleet.start("coordinator-1", "coordinator")
            fleet.start("worker-1", *serve)
            async with connect(url, create=True) as client:
                await client.register(load())
                await client.start(WORKFLOW, {"order_id": 7}, run_id=RUN)
                await asyncio.to_thread(self.wait_for, "charge")
                for name in ("worker-1", "coordinator-1"):
                    os.kill(fleet.pids[name], signal.SIGKILL)
                    print(f"killed {name} (pid {fleet.pids[name]}) while it charged")
                fleet.start("coordinator-2", "coordinator")
                fleet.start("worker-2", *serve)
                result = await client.result(RUN, WAIT_LIMIT)
                print(f"went on by itself: {result.status}, {result.output}")

    def _process(self, action: str, kind: str, url: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "examples.resume.process", action, kind, url, RUN]
        return subprocess.Popen(
            command, cwd=ROOT, env=os.environ | self.environment, stdout=subprocess.PIPE
        )


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m examples.resume",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--store", choices=("redis", "nats", "fleet"), required=True)
    parser.add_argument("--url", help="of a server that runs already; its namespace is used")
    arguments = parser.parse_args()
    start = servers.redis if arguments.store == "redis" else servers.nats
    with tempfile.TemporaryDirectory() as folder:
        demo = Demo(Path(folder))
        try:
            with nullcontext(arguments.url) if arguments.url else start() as url:
                if arguments.store == "fleet":
                    asyncio.run(demo.fleet(url))
                else:
                    demo.runner(arguments.store, url)
        except (FlowworkerError, servers.NoServer, subprocess.TimeoutExpired) as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        ran = demo.ran()
    for step, expected in EXPECTED.items():
        verdict = "as expected" if ran[step] == expected else f"EXPECTED {expected}"
        print(f"  {step:<8} ran {ran[step]} x   {verdict}")
    return 0 if ran == EXPECTED else 1


if __name__ == "__main__":
    sys.exit(main())
