"""What a step is given, and what it returns: loaded, stored, refused."""

from __future__ import annotations

import pytest

from flowworker.codec.json import encode
from flowworker.codec.messages import Earlier, StepInput
from flowworker.core.ids import COORDINATOR
from flowworker.core.payload import Stored, inline
from flowworker.core.records import ErrorInfo
from flowworker.core.status import Outcome
from flowworker.errors import (
    PayloadTooLarge,
)
from flowworker.settings import Settings
from flowworker.stores.payloads import PayloadStore
from tests.support.faults import Flaky
from tests.support.logs import ANY
from tests.worker.fleet import Fleet


async def test_input_is_the_merged_map(fleet):
    seen = []

    @fleet.app.step("look")
    async def look(ctx):
        seen.append(ctx.input)

    await fleet.worker()
    outputs = {"a": {"x": 1, "y": 1}, "b": {"y": 2}, "c": [3], "d": None}
    await fleet.run("look", input={"order_id": 7, "x": 0}, outputs=outputs)

    assert seen == [
        {
            "order_id": 7,
            "x": 1,
            "y": 2,
            "a": {"x": 1, "y": 1},
            "b": {"y": 2},
            "c": [3],
            "d": None,
            "input": {"order_id": 7, "x": 0},
            "_workflow_id": "r1",
        }
    ]


async def test_stored_payloads_are_loaded(fleet):
    store = PayloadStore(fleet.backend.payloads, fleet.settings)
    seen = []

    @fleet.app.step("look")
    async def look(ctx):
        seen.append(ctx.input["a"]["x"] + ctx.input["n"])

    await fleet.worker()
    base = await store.store("r1", COORDINATOR, "input", b'{"n": 1}')
    output = await store.store("r1", COORDINATOR, "a", b'{"x": 2}')
    await fleet.run("look", input=StepInput(base, (("a", output),)))

    assert seen == [3]


MISSING = Stored("r1.gone", 1, "0")


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (StepInput(MISSING), "CorruptRecord"),
        (StepInput(inline(b"{}"), (("a", MISSING),)), "CorruptRecord"),
        (StepInput(inline(b"[1]")), "InvalidInput"),
        (StepInput(inline(b"{}"), (), Earlier(MISSING, 1, "1", ())), "CorruptRecord"),
    ],
)
async def test_input_that_cannot_be_had_fails_for_good(fleet, given, error):
    @fleet.app.step("never")
    async def never(ctx):
        raise AssertionError

    await fleet.worker()
    await fleet.run("never", input=given)

    found = (await fleet.record()).error
    assert found is not None
    assert (found.type, found.retryable) == (error, False)


@pytest.mark.parametrize("raw", [b"{", b"\xff"])
async def test_stored_bytes_that_are_no_json_fail_for_good(fleet, raw):
    fleet.app.step("never")(lambda ctx: None)
    store = PayloadStore(fleet.backend.payloads, fleet.settings)
    stored = await store.store("r1", COORDINATOR, "x", raw)
    await fleet.worker()

    await fleet.run("never", input=StepInput(inline(b"{}"), (), Earlier(stored, 1, "1", ())))
    await fleet.run("never", input=StepInput(stored), step="s2")

    for step in ("s", "s2"):
        error = (await fleet.record(step=step)).error
        assert error is not None
        assert error.type == "CorruptRecord"


async def test_a_payload_store_without_an_answer_is_asked_again(fleet):
    @fleet.app.step("look")
    async def look(ctx):
        return ctx.input["n"]

    store = PayloadStore(fleet.backend.payloads, fleet.settings)
    base = await store.store("r1", COORDINATOR, "input", b'{"n": 1}')
    fleet.rewire(payloads=Flaky(fleet.backend.payloads, read=["before", "before"]))
    await fleet.worker()
    await fleet.run("look", input=StepInput(base))
    await fleet.clock.advance(1.0)

    assert await fleet.output() == 1


async def test_a_large_output_is_stored_and_a_huge_one_refused():
    fleet = Fleet(Settings(inline_limit=100, payload_limit=1000))

    @fleet.app.step("put")
    async def put(ctx, n: int):
        return "x" * n

    await fleet.worker()
    for run, size in (("small", 10), ("large", 500), ("huge", 5000)):
        await fleet.run("put", run=run, input={"n": size})

    assert await fleet.output("small") == "x" * 10
    large = (await fleet.record("large")).output
    assert isinstance(large, Stored)
    assert large.key.startswith("large.default.output.s.")
    loaded = await PayloadStore(fleet.backend.payloads, fleet.settings).read(large)
    assert loaded == encode("x" * 500)
    huge = await fleet.record("huge")
    assert huge.outcome is Outcome.FAILED
    assert huge.error is not None
    assert (huge.error.type, huge.error.retryable) == ("PayloadTooLarge", False)
    await fleet.close()


async def test_an_output_that_no_record_takes_fails_the_attempt(fleet):
    refusal = PayloadTooLarge("2 MB exceed the stream's max_msg_size")
    fleet.rewire(runs=Flaky(fleet.backend.runs, write=["ok", refusal]))

    @fleet.app.step("large")
    async def large(ctx):
        return "x"

    await fleet.worker()
    await fleet.run("large")

    record = await fleet.record()
    assert record.error == ErrorInfo("PayloadTooLarge", str(refusal), retryable=False)
    assert (await fleet.types())[-1] == "step.attempt_failed"


async def test_a_failure_that_no_record_takes_comes_again(fleet, logs):
    refusal = PayloadTooLarge("all is too much")
    fleet.rewire(runs=Flaky(fleet.backend.runs, write=["ok", refusal]))

    @fleet.app.step("broken")
    async def broken(ctx):
        raise ValueError

    await fleet.worker()
    await fleet.run("broken")

    assert (await fleet.record()).outcome is Outcome.RUNNING
    assert len(logs.having("error", subject=ANY, exc_info=True)) == 1


async def test_an_input_that_cannot_be_loaded_is_left_to_redelivery(fleet):
    seen = []

    @fleet.app.step("look")
    async def look(ctx):
        seen.append((ctx.attempt, ctx.input["n"]))

    base = await PayloadStore(fleet.backend.payloads, fleet.settings).store(
        "r1", COORDINATOR, "x", b'{"n": 1}'
    )
    fleet.rewire(payloads=Flaky(fleet.backend.payloads, read=["before"] * 40))
    await fleet.worker()
    await fleet.run("look", input=StepInput(base))
    await fleet.clock.advance(200.0)

    assert seen == [(1, 1)]
    record = await fleet.record()
    assert (record.outcome, record.lost) == (Outcome.COMPLETED, 1)


async def test_an_output_that_cannot_be_stored_is_left_to_redelivery():
    fleet = Fleet(Settings(inline_limit=100, lease=10.0))
    calls = []

    @fleet.app.step("put")
    async def put(ctx):
        calls.append(ctx.attempt)
        return "x" * 500

    fleet.rewire(payloads=Flaky(fleet.backend.payloads, put=["before"] * 20))
    await fleet.worker()
    await fleet.run("put")
    await fleet.clock.advance(100.0)

    assert (await fleet.record()).outcome is Outcome.COMPLETED
    assert len(calls) == 2
    await fleet.close()
