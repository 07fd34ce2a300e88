"""The live view of a run that `start --wait` shows on a terminal."""

from __future__ import annotations

__all__ = ["progress"]

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live

from flowworker.cli.render import run_table
from flowworker.errors import FlowworkerError
from flowworker.tasks import cancel_all

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from flowworker.client import Client

INTERVAL = 0.25
"""Seconds between looks at the run."""


@asynccontextmanager
async def progress(client: Client, run: str) -> AsyncIterator[None]:
    """Show the steps of a run on stderr for as long as the context lasts."""
    console = Console(stderr=True)
    console.print(f"run {run}", highlight=False)
    with Live(console=console, auto_refresh=False) as live:
        task = asyncio.create_task(_keep_looking(client, run, live))
        try:
            yield
        finally:
            await cancel_all([task])
        await _look(client, run, live)


async def _keep_looking(client: Client, run: str, live: Live) -> None:
    while True:
        await _look(client, run, live)
        await asyncio.sleep(INTERVAL)


async def _look(client: Client, run: str, live: Live) -> None:
    with suppress(FlowworkerError):  # the result is what matters
        view = await client.status(run)
        live.update(run_table(view, live.console.width), refresh=True)
