"""`resume_execution`: what a process that died left in a store."""

from __future__ import annotations

import asyncio
import contextlib

import msgspec
import pytest

from flowworker import (
    CorruptRecord,
    DefinitionError,
    InMemStore,
    RunFailed,
    Runner,
    RunNotFound,
    RunStatus,
    Settings,
    Step,
    Workflow,
    WorkflowNotFound,
    parse,
)
from flowworker.codec.keys import run_key, step_key
from flowworker.testing.clock import settle
from tests.runner.conftest import CHAIN, SETTINGS, Notes
from tests.support.waiting import WAIT_LIMIT, quiet_for

RUN = "run-1"
WORKFLOW = parse(CHAIN)


@pytest.fixture
def die(survive):
    """What a process leaves that is killed while a handler runs."""

    async def run(workflow="chain", at="second", settings=SETTINGS) -> InMemStore:
        theirs = Notes()
        async with InMemStore(settings=settings) as store, Runner(store=store) as runner:
            theirs.register(runner)
            theirs.hangs_at = at
            running = asyncio.create_task(runner.execute_sync(RUN, workflow, {"order": 7}))
            await theirs.reached.wait()
            left = await survive(store)
            running.cancel()
        return left

    return run


async def test_completed_steps_are_not_run_again_and_running_ones_are(notes, die):
    store = await die()

    async with Runner(store=store) as next_one:
        results = await notes.register(next_one).resume_execution(RUN, WORKFLOW)

    assert notes.lines == [("hang", "second"), ("ok", "third")]
    assert results["first"] == {"first_done": True}
    assert results["input"] == {"order": 7}
    assert await store.list_executions("RUNNING") == []
    assert await store.list_executions("COMPLETED") == [RUN]


async def test_its_definition_is_known(notes, die):
    store = await die()

    async with Runner(store=store) as next_one:
        results = await notes.register(next_one).resume_execution(RUN)

    assert results["third"] == {"third_done": True}


async def test_it_may_go_on_with_another_definition(notes, die):
    store = await die()
    mended = parse(CHAIN.replace("uses: hang", "uses: ok, queue: default") + "version: v2\n")

    async with Runner(store=store) as next_one:
        await notes.register(next_one).resume_execution(RUN, mended)

    assert notes.lines == [("ok", "second"), ("ok", "third")]


async def test_nobody_goes_on_with_what_was_not_asked_for(notes, die):
    store = await die()

    async with Runner(store=store) as next_one:
        notes.register(next_one)
        await next_one.execute_sync("run-2", "chain")
        await (await next_one.running()).coordinator._recovery.sweep(
            (await next_one.running()).coordinator._schedulers, taken=True
        )
        await settle()

        assert await next_one.status(RUN) is RunStatus.RUNNING
    assert notes.count() == {"first": 1, "second": 1, "third": 1}


async def test_what_is_not_stored_cannot_be_resumed(runner):
    with pytest.raises(RunNotFound, match="nothing can be resumed"):
        await runner.resume_execution("unknown", WORKFLOW)


async def test_what_is_over_stays_as_it_is(runner, notes):
    notes.go_on.set()
    results = await runner.execute_sync(RUN, "chain")
    with pytest.raises(RunFailed):
        await runner.execute_sync("run-2", "trip")
    notes.lines.clear()

    assert await runner.resume_execution(RUN, WORKFLOW) == results
    with pytest.raises(RunFailed, match="declined"):
        await runner.resume_execution("run-2")
    assert notes.lines == []


async def test_it_is_resumed_as_often_as_it_dies(notes, die, survive):
    store = await die()
    for _ in range(4):
        theirs = Notes()
        theirs.hangs_at = "second"
        async with Runner(store=store) as next_one:
            going = asyncio.create_task(theirs.register(next_one).resume_execution(RUN))
            await theirs.reached.wait()
            assert theirs.lines == [("hang", "second")]
            store = await survive(store)
            going.cancel()

    async with Runner(store=store) as last:
        await notes.register(last).resume_execution(RUN)

    assert notes.lines == [("hang", "second"), ("ok", "third")]


async def test_a_failed_step_without_attempts_left_is_run_again(notes, die):
    # Given a process that died after it wrote a failure and before it drew a conclusion
    store = await die()
    runs = (await store.backend()).runs
    key = step_key("default", RUN, "second")
    value, _ = await runs.read(key)
    record = msgspec.json.decode(value)
    record |= {"outcome": "FAILED", "error": {"type": "E", "message": "x", "retryable": False}}
    await runs.put(key, msgspec.json.encode(record))

    async with Runner(store=store) as next_one:
        await notes.register(next_one).resume_execution(RUN, WORKFLOW)

    assert notes.lines == [("hang", "second"), ("ok", "third")]


async def test_an_execution_that_failed_is_compensated_on(notes, die):
    # Given a process that died in the middle of its compensations
    store = await die("trip", "hotel/undo")

    # When it is resumed, then the rest is compensated, in order, and it ends FAILED
    async with Runner(store=store) as next_one:
        with pytest.raises(RunFailed, match="declined"):
            await notes.register(next_one).resume_execution(RUN)

    assert notes.lines == [("undo", "hotel"), ("undo", "flight")]
    assert await store.list_executions("FAILED") == [RUN]
    assert await store.list_executions("COMPENSATING") == []


@pytest.mark.parametrize("key", [run_key(RUN), step_key("default", RUN, "first")])
async def test_what_cannot_be_read_is_an_error(notes, die, key):
    store = await die()
    await (await store.backend()).runs.put(key, b"\x00damaged")

    async with Runner(store=store) as next_one:
        with pytest.raises(CorruptRecord, match="cannot be read"):
            await notes.register(next_one).resume_execution(RUN, WORKFLOW)
    assert notes.lines == []


@pytest.mark.parametrize("what", ["coordinator.input", "default.output.first"])
async def test_a_large_value_that_cannot_be_read_is_an_error(notes, die, what):
    # Given a store that keeps values apart from records
    store = await die(settings=Settings(inline_limit=1, drain=0.05))
    payloads = (await store.backend()).payloads
    [key] = [key for key in await payloads.keys(">") if key.startswith(f"{RUN}.{what}.")]
    await payloads.put(key, b"{}x")

    async with Runner(store=store) as next_one:
        with pytest.raises(CorruptRecord, match="digest"):
            await notes.register(next_one).resume_execution(RUN, WORKFLOW)


async def test_a_definition_that_is_not_stored_is_an_error(store, notes):
    await store.initialize_execution(RUN, b"{}")
    async with Runner(store=store) as runner:
        with pytest.raises(WorkflowNotFound):
            await runner.resume_execution(RUN)
        cyclic = Workflow("w", (Step("a", "ok", ("b",)), Step("b", "ok", ("a",))))
        with pytest.raises(DefinitionError, match="a -> b -> a"):
            await runner.resume_execution(RUN, cyclic)
        assert await runner.status(RUN) is RunStatus.PENDING


async def test_what_was_checkpointed_by_hand_is_gone_on_with(runner, notes, store):
    """As a program does that keeps its own states, in the Go package's manner."""
    notes.go_on.set()
    await store.initialize_execution(RUN, b'{"order":7}')
    for step in ("first", "second", "third"):
        await store.save_state(RUN, step, "PENDING")
    await store.save_state(RUN, "first", "RUNNING")
    await store.save_step_output(RUN, "first", b'{"by_hand":true}')
    await store.save_state(RUN, "first", "COMPLETED")
    await store.save_state(RUN, "second", "FAILED")

    results = await runner.resume_execution(RUN, WORKFLOW)

    assert notes.lines == [("hang", "second"), ("ok", "third")]
    assert results["by_hand"] is True
    assert results["input"] == {"order": 7}
    assert await store.list_executions("PENDING") == []
    assert await store.list_executions("COMPLETED") == [RUN]


@pytest.mark.parametrize("state", ["PENDING", "RUNNING", "RETRYING", "FAILED", "CANCELLED"])
async def test_only_completed_and_skipped_stand(runner, notes, store, state):
    notes.go_on.set()
    await store.initialize_execution(RUN, b"{}")
    await store.save_state(RUN, "first", "SKIPPED")
    await store.save_state(RUN, "second", state)

    await runner.resume_execution(RUN, WORKFLOW)

    assert notes.lines == [("hang", "second"), ("ok", "third")]


async def test_a_checkpoint_is_found_in_whatever_queue_the_step_has(runner, notes, store):
    await store.initialize_execution(RUN, b"{}")
    await store.save_step_output(RUN, "a", b"1")
    await store.save_state(RUN, "a", "COMPLETED")
    workflow = parse(
        "name: w\nsteps:\n  - {id: a, uses: ok, queue: elsewhere}\n"
        "  - {id: b, uses: ok, depends_on: [a]}\n"
    )

    results = await runner.resume_execution(RUN, workflow)

    assert results["a"] == 1
    assert notes.lines == [("ok", "b")]


async def test_what_was_emitted_is_not_emitted_again(notes, die):
    # Given a step that emitted, whose process died before it was done
    store = await die("pays", "pay")

    # When it is run again
    async with Runner(store=store) as next_one:
        notes.register(next_one)
        heard = await next_one.get_event_bus().subscribe("order")
        await next_one.resume_execution(RUN)

        # Then only what had not been emitted is
        event = await anext(heard)
        heard.close()
        assert (event.type, event.payload) == ("noted", {"n": 2, "_workflow_id": RUN})
        assert [event async for event in heard] == []
    assert await store.is_event_emitted(RUN, "order.paid")


async def test_a_completed_step_that_was_noted_as_pending_is_done_again_at_once(notes, die):
    store = await die()
    await store.save_state(RUN, "first", "PENDING")

    async with Runner(store=store) as next_one:
        async with asyncio.timeout(WAIT_LIMIT):
            await notes.register(next_one).resume_execution(RUN, WORKFLOW)

    assert [step for what, step in notes.lines if what == "ok"].count("first") == 1


@pytest.mark.parametrize("fails", [False, True])
async def test_a_step_that_was_noted_as_completed_before_its_predecessor(logs, fails):
    flow = Workflow("two", (Step("a", "one"), Step("b", "two", depends_on=("a",))))
    ran = []

    def one(ctx):
        ran.append("a")
        if fails:
            raise ValueError("no")

    async with InMemStore(settings=SETTINGS) as store, Runner(store=store) as runner:
        runner.register_handler("one", one)
        runner.register_handler("two", lambda ctx: ran.append("b"))
        await store.initialize_execution(RUN, b"{}")
        await store.save_step_output(RUN, "b", b"{}")
        await store.save_state(RUN, "b", "COMPLETED")
        with contextlib.suppress(RunFailed):
            await runner.resume_execution(RUN, flow)
            assert not fails
        await quiet_for(1.2)  # an event that is not understood comes again after half a second

    assert ran == ["a"]
    assert [line for line in logs.at("warning", "error") if "id" in line] == []  # an event's
