"""Runs of `media.album`, as a client has them made: started, watched, answered.

Of the pictures that are drawn two: one that is as it should be, and one whose album is heavier than
allowed. That is found out when it is published, so that it is taken away again.
"""

from __future__ import annotations

import asyncio
import shlex
import subprocess
import sys
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from examples.media.show import line_of
from flowworker import RunResult, connect, load_paths

if TYPE_CHECKING:
    from flowworker import Client

HERE = Path(__file__).parent
GOOD, HEAVY = "by-the-sea", "too-heavy"
FLOWWORKER = (sys.executable, "-m", "flowworker")
ANSWER = '{"title": "By the sea"}'
TIMEOUT = 60.0
LOOK_EVERY = 0.2


class Maker:
    """A client of the fleet at that URL.

    Args:
        folder: the pictures.
        site: where albums are published.
        drawn: whether these are the ones that the demo draws; others may take as long as they do.
        ask: whether somebody else answers for the first album, and not this program.
    """

    def __init__(self, url: str, folder: Path, site: Path, *, drawn: bool, ask: bool) -> None:
        self._url = url
        self._input = {"folder": str(folder), "site": str(site)}
        self._drawn = drawn
        self._ask = ask

    async def albums(self) -> list[RunResult]:
        """Make one album and, unless somebody rejects it, the other."""
        async with connect(self._url, create=True) as client:
            workflows = [workflow for _, workflow in load_paths([HERE])]
            await client.register_all(workflows)
            showing = asyncio.create_task(_show(client))
            try:
                made = [await self._make(client, GOOD, self._input, ask=self._ask)]
                if self._drawn and made[0].status == "COMPLETED":
                    heavy = self._input | {"max_bytes": 1000}
                    made.append(await self._make(client, HEAVY, heavy))
            finally:
                await _ended(showing)
            return made

    async def _make(
        self, client: Client, run: str, given: dict[str, Any], *, ask: bool = False
    ) -> RunResult:
        print(f"\nRun {run} of media.album begins.", flush=True)
        await client.start("media.album", given, run_id=run)
        answering = asyncio.create_task(self._answer(client, run, ask=ask))
        try:
            return await client.result(run, TIMEOUT if self._drawn and not ask else None)
        finally:
            await _ended(answering)

    async def _answer(self, client: Client, run: str, *, ask: bool) -> None:
        """Show what is asked and how it is answered, and do that unless somebody else shall."""
        prompt = await _asked(client, run)
        command = ["approve", run, "--nats-url", self._url, "--output", ANSWER]
        print(f"\n{prompt}\n  {shlex.join(['flowworker', *command])}\n", flush=True)
        if not ask:
            await asyncio.to_thread(subprocess.run, [*FLOWWORKER, *command], check=False)


async def _asked(client: Client, run: str) -> str:
    """Wait until a step of the run asks something; what it asks."""
    while True:
        for step in (await client.status(run)).steps:
            if step.prompt:
                return step.prompt
        await asyncio.sleep(LOOK_EVERY)


async def _show(client: Client) -> None:
    """Print events as they happen, except that a step has started: its end shows that."""
    async with aclosing(client.watch()) as events:
        async for event in events:
            if event["type"] != "workflow.step.started":
                print(line_of(event), flush=True)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
