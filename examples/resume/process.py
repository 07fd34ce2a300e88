"""One process with a runner: `python -m examples.resume.process execute|resume STORE URL RUN`."""

from __future__ import annotations

import asyncio
import json
import sys

from examples.resume.handlers import app
from examples.resume.settings import SETTINGS, WORKFLOW, load
from flowworker import NATSStore, RedisStore, Runner, StateStore


def store_at(kind: str, url: str) -> StateStore:
    if kind == "redis":
        return RedisStore(url, settings=SETTINGS)
    return NATSStore(url, settings=SETTINGS, create=True)


async def main(action: str, kind: str, url: str, run: str) -> None:
    async with store_at(kind, url) as store, Runner(store=store, app=app) as runner:
        runner.register(load())
        if action == "execute":
            results = await runner.execute_sync(run, WORKFLOW, {"order_id": 7})
        else:
            results = await runner.resume_execution(run)
        print(json.dumps(results["ship"]))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
