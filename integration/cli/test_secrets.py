"""A secret flows everywhere in a run, and stands in nothing that is shown, logged or published."""

from __future__ import annotations

import asyncio
import json
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import nats

from flowworker.embedded import EmbeddedServer
from flowworker.redaction import MARK
from integration.cli.commands import Commands, ended, until
from tests.support.waiting import blocking_eventually

PASSWORD = 'hunter2-"quoted"-which-is-longer-than-what-is-cut-off-' + "0123456789" * 8
CARD = 4111111111111111
NAMED = "by-its-name-alone"
HIDDEN = (PASSWORD, json.dumps(PASSWORD)[1:-1], "hunter2", str(CARD), NAMED)

WORKFLOWS = """
name: leak
input_schema:
  type: object
  properties:
    password: {$ref: "#/$defs/hidden"}
    cards: {type: array, items: {secret: true}}
    note: {type: string}
  $defs: {hidden: {type: string, secret: true}}
output: {all: "${steps.say.output}", given: "${input}"}
steps:
  - {id: say, uses: leak.say, with: {password: "${input.password}", about: "${input}"}}
  - {id: all, uses: leak.all, depends_on: [say]}
  - id: each
    uses: leak.item
    depends_on: [say]
    for_each: {items: "[input.password, string(input.cards[0]), 'harmless']"}
    with: {of: "${item}"}
  - id: child
    workflow: leak.child
    depends_on: [say]
    with: {inner: "x${input.password}", plain: 1}
  - id: group
    depends_on: [say]
    steps:
      - {id: inside, uses: leak.item, with: {of: "${input.inner}"}}
    with: {inner: "${input.password}"}
  - id: soft
    uses: leak.fail
    depends_on: [say]
    continue_on_error: true
    with: {password: "${input.password}"}
  - id: wrong
    uses: leak.item
    depends_on: [say]
    continue_on_error: true
    with: {of: "x"}
    timeout: "${input.password}"
  - {id: heard, depends_on: [say], wait_for: {signal: word}}
  - id: ask
    depends_on: [say]
    approval: {prompt: "May ${input.password} be used with ${string(input.cards[0])}?"}
---
name: leak.child
steps:
  - {id: fail, uses: leak.fail, continue_on_error: true, with: {password: "${input.inner}"}}
  - {id: back, uses: leak.all}
"""


@contextmanager
def overheard(url: str) -> Iterator[list[tuple[str, bytes]]]:
    """What those hear to whom notifications go, and what handlers emit."""
    heard: list[tuple[str, bytes]] = []
    ready, done = threading.Event(), threading.Event()

    async def listen() -> None:
        client = await nats.connect(url)

        async def hear(message) -> None:
            heard.append((message.subject, message.data))

        for subject in ("workflow.>", "shop.>"):
            await client.subscribe(subject, cb=hear)
        await client.flush()
        ready.set()
        while not done.is_set():
            await asyncio.sleep(0.01)
        await client.close()

    thread = threading.Thread(target=lambda: asyncio.run(listen()))
    thread.start()
    ready.wait()
    try:
        yield heard
    finally:
        done.set()
        thread.join()


def shown_of(commands: Commands, run: str) -> dict[str, str]:
    """Everything that commands show of a run."""
    steps = [step["id"] for step in json.loads(commands("status", run, "--json"))["steps"]]
    asked = [
        ["status", run],
        ["status", run, "--input"],
        ["history", run],
        ["history", run, "--json"],
        ["watch", run, "--json"],
        ["watch", run],
        ["list"],
        ["list", "--json"],
    ]
    asked += [["status", run, "--step", step] for step in steps]
    asked += [["status", run, "--step", step, "--json"] for step in steps]
    for part in ("--input", "--output"):
        asked += [["status", run, "--step", step, part] for step in steps]
    return {" ".join(arguments): commands.said_by(*arguments) for arguments in asked}


def test_a_secret_stands_nowhere(tmp_path):
    # Given a fleet that logs all that it can, and somebody who listens
    (tmp_path / "leak.yaml").write_text(WORKFLOWS)
    given = {"password": PASSWORD, "cards": [CARD], "note": "plain", "my_token": NAMED}
    app = ("--app", "integration.cli.secret_handlers:app", "--log-level", "debug")
    with EmbeddedServer() as server:
        commands = Commands(server.url, FLOWWORKER_REDACT="*token*")
        commands("setup")
        commands("register", str(tmp_path / "leak.yaml"))
        with (
            overheard(server.url) as heard,
            commands.running("coordinator", "--log-level", "debug") as coordinator,
            commands.running("worker", *app) as worker,
        ):
            # When a secret goes wherever values go
            commands("start", "leak", "--id", "r1", "--input", json.dumps(given))
            blocking_eventually(lambda: "ask" in commands("status", "r1"))
            commands("signal", "r1", "word", json.dumps({"said": PASSWORD}))
            until(commands, "r1", "WAITING_HUMAN")
            shown = {"waiting": commands("status", "r1")}
            answer = ("--output", json.dumps({"key": PASSWORD}), "--reason", f"as {PASSWORD} says")
            commands("approve", "r1", "--step", "ask", *answer)
            until(commands, "r1", "COMPLETED")
            shown |= shown_of(commands, "r1")
            rerun = json.loads(commands("rerun", "r1", "--from", "soft", "--id", "r2", "--json"))
            until(commands, rerun["id"], "COMPLETED")
            shown |= shown_of(commands, "r2")
            children = [
                step["child"]
                for step in json.loads(commands("status", "r1", "--json"))["steps"]
                if step["child"]
            ]
            assert len(children) == 2
            for child in children:
                shown |= shown_of(commands, child)
            # And something is refused because of what it is
            refused = json.dumps({"password": 4111111111111111, "note": 1})
            shown["refused"] = commands.error("start", "leak", "--input", refused, code=2)
            commands("cancel", "r1", code=2)
            revealed = shown_of_revealed(commands, "r1")
            logged = {
                "worker": ended(worker, signal.SIGTERM),
                "coordinator": ended(coordinator, signal.SIGTERM),
            }
        published = {
            f"{subject} {number}": data.decode() for number, (subject, data) in enumerate(heard)
        }

    # Then nobody has seen it, though there was much to see
    for where, text in {**shown, **logged, **published}.items():
        found = [secret for secret in HIDDEN if secret in text]
        assert not found, f"{where}: {found} in {text[:3000]}"
        assert "a-token-of-the-handler" not in text, f"{where}: {text[:3000]}"
    assert {name.split()[0] for name in published} > {"shop.said", "workflow.step.completed"}
    for where in ("status r1", "status r1 --input", "history r1", "waiting", "refused"):
        assert MARK in shown[where], where
    assert MARK in logged["worker"]
    assert json.loads(shown["status r1 --input"])["note"] == "plain"

    # And who asks for it sees it whole: nothing was lost
    assert json.loads(revealed["input"]) == given
    assert json.loads(revealed["output"])["echo"] == PASSWORD


def shown_of_revealed(commands: Commands, run: str) -> dict[str, str]:
    """The same for those who ask for secrets."""
    return {
        "input": commands("status", run, "--input", "--reveal"),
        "output": commands("status", run, "--step", "say", "--output", "--reveal"),
    }
