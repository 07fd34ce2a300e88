"""A worker that dies of its first step: `python -m tests.recorded.doomed URL`."""

from __future__ import annotations

import asyncio
import sys

from flowworker import wiring
from tests.recorded.fleet import SETTINGS, worker
from tests.recorded.handlers import deadly


async def main() -> None:
    async with wiring.nats(sys.argv[1], settings=SETTINGS) as backend:
        await worker(backend, "worker-doomed", deadly, "doomed").run()


if __name__ == "__main__":
    asyncio.run(main())
