"""Record the wire: `make record INTO=v1-2` runs the scenarios and writes what was said there.

What was recorded before stands for the releases that wrote it, has to be read by all that follow,
and stays as it is.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections import defaultdict
from collections.abc import Iterator

import nats

from flowworker import connect, load_paths, parse
from flowworker.codec.json import decode_run
from flowworker.embedded import EmbeddedServer
from tests.recorded.files import Message, write
from tests.recorded.fleet import SETTINGS, fleet
from tests.recorded.handlers import app
from tests.recorded.recording import HOME
from tests.recorded.scenarios import SCENARIOS
from tests.recorded.stage import Stage
from tests.recorded.tap import Tap

WORKFLOWS = HOME / "workflows.yaml"
DEFINITIONS = "definitions"
FLEET = "fleet"
NUMBERED = "numbered"

_NAMES = "|".join(scenario.__name__ for scenario in SCENARIOS)
_RUN = re.compile(rf"\b({_NAMES})-\d\b")
_CHILD = re.compile(r"\bsub-[A-Za-z0-9_-]+-[0-9a-f]{24}\b")


async def heard() -> list[Message]:
    """All that is said in all scenarios."""
    app.runtime.clear()
    with EmbeddedServer() as server:
        connection = await nats.connect(server.url)
        tap = Tap()
        await tap.open(connection)
        async with connect(server.url, settings=SETTINGS, create=True) as client:
            await client.register_all(workflow for _, workflow in load_paths([WORKFLOWS]))
            text = "v" * 600_000
            await client.register(
                parse(f"{{name: lengthy, description: {text}, steps: [{{id: only, uses: say}}]}}")
            )
            stage = Stage(server.url, client, connection, tap)
            async with fleet(server.url, app):
                await asyncio.gather(*(scenario(stage) for scenario in SCENARIOS))
        await connection.close()
    return tap.heard


def sorted_out(messages: list[Message]) -> dict[str, list[Message]]:
    """By scenario; definitions are nobody's, and so are leases of coordinators."""
    found: dict[str, list[Message]] = defaultdict(list)
    families = {child: run for each in messages for child, run in _children(each)}
    for each in messages:
        found[_home(each, families)].append(each)
    return dict(found)


def _children(message: Message) -> Iterator[tuple[str, str]]:
    """The run that a message says is a child, and the run that it is a child of."""
    if "_runs.run.sub-" in message.subject and message.data:
        record = decode_run(message.key, message.data)
        if record.parent is not None:
            yield record.run, record.parent.run


def _home(message: Message, families: dict[str, str]) -> str:
    if "_definitions." in message.subject:
        return DEFINITIONS
    names = (message.subject, message.headers.get("Nats-Msg-Id", ""), message.data.decode())
    if run := next(filter(None, map(_RUN.search, names)), None):
        return run[1]
    if child := next(filter(None, map(_CHILD.search, names)), None):
        return _home(Message(families[child[0]]), families)
    return NUMBERED if ".seq-" in message.subject else FLEET


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit("say where to: make record INTO=v1-2")
    folder = HOME / sys.argv[1]
    folder.mkdir()
    for name, messages in sorted_out(asyncio.run(heard())).items():
        write(folder / f"{name}.jsonl", messages)


if __name__ == "__main__":
    main()
