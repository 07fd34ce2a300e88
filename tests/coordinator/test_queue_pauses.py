"""Queues that pause: whose commands count, and what workers get."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from flowworker.client import PauseView
from flowworker.codec.json import encode
from flowworker.codec.messages import FLOW_ACTOR
from flowworker.codec.pauses import Pausable, PauseCommand
from flowworker.coordinator.commands.pauses import PauseCommands
from flowworker.core.ids import run_id_of_sequence
from flowworker.core.status import Priority
from flowworker.errors import Conflict, InvalidInput, NotFound, ResultTimeout
from flowworker.ports import Lanes, StepAddress
from flowworker.stores.stores import stores_of
from tests.coordinator.resting import World
from tests.coordinator.scheduling import BEGIN, act
from tests.support.mortal import Life

BANK = StepAddress("bank", Priority.NORMAL, "r1", "charge")


@pytest.fixture
async def world():
    async with World() as world:
        yield world


async def _held(world: World) -> bool:
    await world.backend.steps.enqueue(BANK, b"{}", "known by this id")
    return (await world.backend.steps.places(BANK))[0].held


async def test_a_queue_pauses_until_it_goes_on(world):
    await world.coordinator()
    assert not await _held(world)

    view = await act(world, world.client.pause_queue("bank", "down for today", actor="ops"))

    assert view == PauseView(BEGIN, "down for today", "ops")
    assert await world.client.paused_queues() == {"bank": view}
    assert await _held(world)

    await act(world, world.client.unpause_queue("bank"))
    assert await world.client.paused_queues() == {}
    assert not await _held(world)


async def test_a_queue_that_nobody_has_used_is_refused(world):
    await world.coordinator()

    for acting in (world.client.pause_queue("bnak"), world.client.unpause_queue("bnak")):
        with pytest.raises(NotFound, match=r"no queue 'bnak' exists: no worker has served it"):
            await act(world, acting)
    with pytest.raises(InvalidInput, match="a queue must be one token"):
        await world.client.pause_queue("bank.eu")
    assert await world.stores.pauses.load(Pausable.QUEUE, "bnak") is None


async def test_without_a_coordinator_it_is_kept_until_there_is_one(world):
    await _held(world)
    with pytest.raises(ResultTimeout, match="no coordinator has followed pause of queue 'bank'"):
        await act(world, world.client.pause_queue("bank"))

    await world.coordinator()
    await world.pass_by(1.0)

    assert list(await world.client.paused_queues()) == ["bank"]
    assert await _held(world)


@pytest.mark.parametrize(
    ("subject", "body", "says"),
    [
        ("control.queue.pause.bank", b'{"why":"x"}', "unknown field `why`"),
        ("control.queue.stop.bank", b"", "expected control.queue.<pause, unpause>.<queue>"),
        ("control.queue.pause.bank.eu", b"", "expected control.queue.<pause, unpause>.<queue>"),
    ],
)
async def test_what_cannot_be_followed_is_rejected(world, subject, body, says):
    await world.coordinator()
    await _held(world)
    sequence = await world.backend.commands.send(subject, body, {})
    await world.pass_by(1.0)

    [event] = await world.backend.events.history(run_id_of_sequence(sequence))

    assert event.type == "workflow.rejected"
    assert says in event.data.decode()
    assert not await _held(world)


async def test_an_empty_body_is_fine_and_who_asked_is_in_the_header(world):
    await world.coordinator()
    await _held(world)
    await world.backend.commands.send("control.queue.pause.bank", b"", {FLOW_ACTOR: "x" * 999})
    await world.pass_by(1.0)

    view = (await world.client.paused_queues())["bank"]

    assert (view.reason, view.actor) == ("", "x" * 200)
    assert await _held(world)


async def test_of_several_the_one_that_was_sent_last_counts(world):
    await _held(world)
    command = encode(PauseCommand(reason="first"))
    await world.backend.commands.send("control.queue.pause.bank", command, {})
    await world.backend.commands.send("control.queue.unpause.bank", b"", {})
    await world.coordinator()
    await world.pass_by(10.0)

    found = await world.stores.pauses.load(Pausable.QUEUE, "bank")

    assert found is not None
    assert (found[0].paused, found[0].followed) == (None, True)
    assert not await _held(world)


@pytest.mark.parametrize("changes", range(8))
async def test_whenever_its_coordinator_dies_the_lanes_are_as_it_was_said_last(changes):
    async with World() as world:
        await _held(world)
        first = await world.dying(Life(changes))
        await world.backend.commands.send("control.queue.pause.bank", b"", {})
        await world.pass_by(1.0)
        await world.backend.commands.send("control.queue.unpause.bank", b"", {})
        await world.pass_by(1.0)
        await world.backend.commands.send("control.queue.pause.bank", b"", {})
        await world.pass_by(1.0)
        await first.stop()

        await world.coordinator()
        await world.pass_by(90.0)

        found = await world.stores.pauses.load(Pausable.QUEUE, "bank")
        assert found is not None
        assert found[0].followed
        assert found[0].paused is not None
        assert await _held(world)


async def test_a_command_that_was_overtaken_leaves_the_lanes_as_the_later_one(world):
    """One coordinator stands still after it has released the lanes, and another one holds them."""
    await _held(world)
    lanes, late = _Late(world.backend.lanes), PauseCommands(world.stores, lambda: None)
    stores = stores_of(replace(world.backend, lanes=lanes), world.stores.settings)
    slow = PauseCommands(stores, lambda: None)
    first = asyncio.create_task(slow.take("queue.unpause.bank", _sent(1)))
    await lanes.reached.wait()

    await late.take("queue.pause.bank", _sent(2))
    lanes.go_on.set()
    with pytest.raises(Conflict):  # its message comes again
        await first
    await slow.take("queue.unpause.bank", _sent(1))

    assert await _held(world)
    assert list(await world.client.paused_queues()) == ["bank"]


class _Late:
    """Lanes whose first release takes until it may go on."""

    def __init__(self, lanes: Lanes) -> None:
        self.reached, self.go_on = asyncio.Event(), asyncio.Event()
        self.hold, self._lanes = lanes.hold, lanes

    async def release(self, queue: str) -> bool:
        self.reached.set()
        await self.go_on.wait()
        return await self._lanes.release(queue)


def _sent(sequence: int) -> Any:
    return SimpleNamespace(data=b"", headers={}, sequence=sequence, time=1_000.0 + sequence)
