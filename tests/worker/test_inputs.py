"""What steps of one worker are given: loaded once for all, within a limit, and each its own."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, cast

import pytest

from flowworker.codec.json import encode
from flowworker.codec.messages import Earlier, Link, StepInput
from flowworker.core.ids import COORDINATOR
from flowworker.core.payload import EMPTY, inline
from flowworker.errors import CorruptRecord
from flowworker.settings import Settings
from flowworker.stores.payload_cache import PayloadCache
from flowworker.stores.payloads import PayloadStore
from flowworker.testing.clock import settle
from tests.support.faults import Flaky

if TYPE_CHECKING:
    from flowworker.ports import Records


@pytest.fixture
def settings():
    return Settings(payload_limit=10_000)


@pytest.fixture
def store(fleet):
    return PayloadStore(fleet.backend.payloads, fleet.settings)


def counting(fleet):
    """The payloads as workers that start from now on have them, with a list of what is read."""
    payloads = Flaky(fleet.backend.payloads)
    fleet.rewire(payloads=payloads)
    return payloads.calls


async def test_steps_of_one_worker_load_an_output_once_and_may_change_it(fleet, store):
    seen = []

    @fleet.app.step("take")
    async def take(ctx):
        seen.append(ctx.input["a"].pop("list"))

    output = await store.store("r1", COORDINATOR, "output.a", b'{"list": [1, 2]}')
    calls = counting(fleet)
    await fleet.worker()

    for number in range(3):
        given = StepInput(EMPTY, (("a", output),))
        await fleet.run("take", step=f"s{number}", input=given)

    assert seen == [[1, 2]] * 3
    assert len(calls) == 1


async def test_an_input_above_the_limit_is_refused_to_those_who_read_it(fleet, store):
    outputs = tuple(
        [
            (f"o{n}", await store.store("r1", COORDINATOR, f"output.o{n}", encode("x" * 4000)))
            for n in range(3)
        ]
    )
    calls = counting(fleet)

    @fleet.app.step("reads")
    async def reads(ctx):
        return ctx.input["o1"]

    @fleet.app.step("takes")
    def takes(ctx, o1: str):
        return o1

    @fleet.app.step("does_not")
    async def does_not(ctx):
        return "done"

    @fleet.app.step("in_part")
    async def in_part(ctx):
        return len(await ctx.output("o1"))

    @fleet.app.step("astray")
    async def astray(ctx):
        return await ctx.output("o9")

    await fleet.worker()
    for name in ("reads", "takes", "does_not", "in_part", "astray"):
        await fleet.run(name, step=name, input=StepInput(EMPTY, outputs))
        await fleet.ended(step=name)

    for name in ("reads", "takes"):
        error = (await fleet.record(step=name)).error
        assert error is not None
        assert (error.type, error.retryable) == ("PayloadTooLarge", False)
        assert "12,008 bytes in 3 outputs" in error.message
        assert "10,000 bytes" in error.message
    assert await fleet.output(step="does_not") == "done"
    assert await fleet.output(step="in_part") == 4000
    error = (await fleet.record(step="astray")).error
    assert error is not None
    assert error.message == "'astray' is given no output of a step 'o9'"
    assert len(calls) == 1


async def chain(store, *links):
    """The last of these links, each of which holds some `(position, step, output)`."""
    last = None
    for outputs in links:
        last = await store.store("r1", COORDINATOR, "outputs", encode(Link(outputs, last)))
    return last


async def test_of_what_links_hold_a_step_gets_its_ancestors_outputs(fleet, store):
    seen = []

    @fleet.app.step("look")
    async def look(ctx):
        seen.append({name: ctx.input.get(name) for name in "abcd"})

    last = await chain(
        store,
        ((0, "a", inline(b"1")), (2, "c", inline(b"3"))),
        ((1, "b", inline(b"2")), (4, "d", inline(b"4"))),
    )
    await fleet.worker()
    await fleet.run("look", input=StepInput(EMPTY, (), Earlier(last, 2, "6", ())))

    assert seen == [{"a": None, "b": 2, "c": 3, "d": None}]


async def test_an_input_that_is_not_whole_is_given_to_nobody(fleet, store):
    @fleet.app.step("never")
    async def never(ctx):
        raise AssertionError

    last = await chain(store, ((0, "a", inline(b"1")),))
    await fleet.worker()
    await fleet.run("never", input=StepInput(EMPTY, (), Earlier(last, 2, "3", ())))

    error = (await fleet.record()).error
    assert error is not None
    assert (error.type, error.retryable) == ("CorruptRecord", False)
    assert "fewer than 2 links" in error.message


class Held:
    """Payloads that are not read before it is said."""

    def __init__(self, payloads):
        self._payloads = payloads
        self.go = asyncio.Event()
        self.reading = 0
        self.most = 0
        self.reads = 0

    async def read(self, key):
        self.reads += 1
        self.reading += 1
        self.most = max(self.most, self.reading)
        await self.go.wait()
        self.reading -= 1
        return await self._payloads.read(key)


def decoded(key, raw):
    return raw


async def test_one_who_asks_for_what_is_being_loaded_waits_for_that(fleet, store):
    stored = await store.store("r1", COORDINATOR, "x", b"1")
    held = Held(fleet.backend.payloads)
    shared = PayloadCache(PayloadStore(cast("Records", held), fleet.settings), 100)
    first, second = (asyncio.create_task(shared.get(stored, decoded)) for _ in range(2))
    await settle()

    # When the first one that asked goes away
    first.cancel()
    held.go.set()

    assert await second == b"1"
    assert held.reads == 1


async def test_a_failure_to_load_that_nobody_waits_for_any_more_is_not_logged(fleet, store):
    stored = await store.store("r1", COORDINATOR, "x", b"1")
    await store.purge("r1")
    held = Held(fleet.backend.payloads)
    shared = PayloadCache(PayloadStore(cast("Records", held), fleet.settings), 100)
    asking = asyncio.create_task(shared.get(stored, decoded))
    await settle()

    asking.cancel()
    held.go.set()
    await settle()
    gc.collect()  # a task tells at its very end that nobody has seen its error: to `fleet`

    assert held.reads == 1


async def test_what_a_step_is_given_is_loaded_side_by_side(fleet, store):
    outputs = tuple([(name, await store.store("r1", COORDINATOR, name, b"1")) for name in "abc"])
    held = Held(fleet.backend.payloads)
    fleet.rewire(payloads=held)
    fleet.app.step("look")(lambda ctx: None)
    await fleet.worker()
    await fleet.run("look", input=StepInput(EMPTY, outputs))
    held.go.set()
    await fleet.ended()

    assert (held.most, held.reads) == (3, 3)


async def test_few_payloads_are_loaded_at_a_time(fleet, store):
    stored = [await store.store("r1", COORDINATOR, f"x{n}", b"%d" % n) for n in range(50)]
    held = Held(fleet.backend.payloads)
    shared = PayloadCache(PayloadStore(cast("Records", held), fleet.settings), 1000)
    tasks = [asyncio.create_task(shared.get(one, decoded)) for one in stored]
    await settle()
    held.go.set()

    assert await asyncio.gather(*tasks) == [b"%d" % n for n in range(50)]
    assert held.most == 16


async def test_what_was_used_last_is_kept_within_the_room(fleet, store):
    a, b, c = [await store.store("r1", COORDINATOR, name, b"x" * 40) for name in "abc"]
    shared = PayloadCache(store, 100)

    for one in (a, b, a, c):
        await shared.get(one, decoded)

    assert [shared.peek(one) is not None for one in (a, b, c)] == [True, False, True]


async def test_what_cannot_be_loaded_is_asked_for_again(fleet, store):
    stored = await store.store("r1", COORDINATOR, "x", b"1")
    await store.purge("r1")
    shared = PayloadCache(store, 100)

    with pytest.raises(CorruptRecord):
        await shared.get(stored, decoded)

    await store.store("r1", COORDINATOR, "x", b"1")
    assert await shared.get(stored, decoded) == b"1"
