"""Step messages are small, however much a step depends on, and every output is kept once."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from flowworker.codec.json import encode
from flowworker.codec.messages import StepInput, decode_link
from flowworker.coordinator.performing import outputs
from flowworker.coordinator.performing.outputs import Outputs
from flowworker.coordinator.sizes import size_in_message
from flowworker.core.model import Step, Workflow
from flowworker.core.payload import EMPTY, Stored, inline
from flowworker.core.records import RunRecord
from flowworker.core.state import initial
from flowworker.core.status import RunStatus, StepStatus
from flowworker.definitions.content import plan_of
from flowworker.settings import Settings
from flowworker.stores.payloads import PayloadStore
from flowworker.worker.inputs import StepInputs
from tests.worker.fleet import Fleet

RUN = "r1"
LIMIT = 2000


@pytest.mark.parametrize("count", [0, 1, 100, 10_000])
@pytest.mark.parametrize(
    "payload",
    [
        inline(b"1"),
        inline(b'"' + 500 * b"x" + b'"'),
        Stored("r" * 128 + ".output.s", 2**40, "f" * 64),
    ],
)
def test_what_is_counted_is_no_less_than_what_is_sent(count, payload):
    outputs = tuple((f"step-{number}", payload) for number in range(count))
    merged = StepInput(payload, outputs)

    counted = sum(size_in_message(step, one) for step, one in outputs)

    assert len(encode(merged)) <= counted + size_in_message("", payload)


def chain(count):
    """A workflow in which each step sees all before it, completed, and its run."""
    ids = [f"s{number}" for number in range(count)]
    steps = tuple(Step(id_, "any", tuple(ids[max(0, n - 1) : n])) for n, id_ in enumerate(ids))
    plan = plan_of(Workflow("chain", steps))
    state = initial(plan, RunRecord(RUN, "chain", plan.hash, RunStatus.RUNNING, EMPTY, 0.0), 1)
    for number, id_ in enumerate(ids):
        state = state.with_step(id_, output=inline(b'{"n":%d}' % number), completed=number + 2)
    return plan, state


@pytest.fixture
def store(backend):
    return PayloadStore(backend.payloads, Settings())


async def read(store, merged, step):
    """What a worker makes of it."""
    fleet = Fleet(Settings())
    message = fleet.message("any", RUN, step, input=merged)
    return await StepInputs(store, 10**6).of(message)


async def test_what_is_small_travels_in_the_message(backend, store):
    plan, state = chain(10)

    merged = await Outputs(store, LIMIT).of(plan, state, "s9", with_own=False)

    assert [step for step, _ in merged.outputs] == [f"s{n}" for n in range(9)]
    assert merged.earlier is None
    assert await backend.payloads.keys(">") == []


async def test_a_step_that_is_undone_is_given_its_own_output(store):
    plan, state = chain(3)

    merged = await Outputs(store, LIMIT).of(plan, state, "s1", with_own=True)

    assert [step for step, _ in merged.outputs] == ["s0", "s1"]


@pytest.mark.parametrize("limit", [LIMIT, 50])
async def test_what_an_iteration_puts_out_is_given_to_nobody_else(store, limit):
    plan, state = chain(5)
    shared = Outputs(store, limit)

    over = state.with_step("s1", status=StepStatus.REPEATING)
    before = await read(store, await shared.of(plan, over, "s4", with_own=False), "s4")
    after = await read(store, await shared.of(plan, state, "s4", with_own=False), "s4")

    assert {step for step in before if step in plan.order} == {"s0", "s2", "s3"}
    assert {step for step in after if step in plan.order} == {"s0", "s1", "s2", "s3"}


@pytest.mark.slow
async def test_a_message_has_a_limit_and_every_output_is_kept_once(backend, store):
    plan, state = chain(400)
    shared = Outputs(store, LIMIT)

    for step in plan.order:
        merged = await shared.of(plan, state, step, with_own=False)
        assert len(encode(merged)) < LIMIT
        found = await read(store, merged, step)
        before = plan.ancestors(step)
        assert {key: found[key] for key in before} == {key: {"n": int(key[1:])} for key in before}
        assert found.get("n") == (len(before) - 1 if before else None)
        assert "s399" not in found

    links = [
        decode_link((await backend.payloads.read(key))[0])
        for key in await backend.payloads.keys(">")
    ]
    kept = [step for link in links for _, step, _ in link.outputs]
    assert len(kept) == len(set(kept)) > 300
    assert len(links) < 50


def sides(count):
    """Two chains side by side, a step behind both and one behind the first; and their run."""
    ids = [(f"{side}{n}", n) for n in range(count) for side in "ab"]
    steps = tuple(Step(id_, "any", (f"{id_[0]}{n - 1}",) if n else ()) for id_, n in ids)
    join = Step("join", "any", (f"a{count - 1}", f"b{count - 1}"))
    last = Step("last", "any", (f"a{count - 1}",))
    plan = plan_of(Workflow("sides", (*steps, join, last)))
    state = initial(plan, RunRecord(RUN, "sides", plan.hash, RunStatus.RUNNING, EMPTY, 0.0), 1)
    for id_, _ in ids:
        state = state.with_step(id_, output=inline(b'"' + id_.encode() + b'"'))
    return plan, state


async def test_links_hold_outputs_of_others_that_a_step_does_not_get(store):
    plan, state = sides(40)
    shared = Outputs(store, LIMIT)
    await shared.of(plan, state, "join", with_own=False)

    merged = await shared.of(plan, state, "last", with_own=False)

    assert merged.earlier is not None
    found = await read(store, merged, "last")
    assert {key for key in found if key[0] in "ab"} == {f"a{n}" for n in range(40)}


async def test_links_older_than_all_that_a_step_gets_are_not_read(backend, store):
    # Given links of one chain, and behind them such of both
    plan, state = sides(40)
    shared = Outputs(store, LIMIT)
    first = (await shared.of(plan, state, "last", with_own=False)).earlier
    both = (await shared.of(plan, state, "join", with_own=False)).earlier
    assert first is not None
    assert both is not None
    assert both.links == len(await backend.payloads.keys(">")) > first.links

    second = (await shared.of(plan, state, "b39", with_own=False)).earlier

    assert second is not None
    assert second.links == both.links - first.links


async def test_a_step_of_which_nothing_is_in_a_link_reads_none(store):
    plan, state = chain(100)
    shared = Outputs(store, LIMIT)
    await shared.of(plan, state, "s99", with_own=False)

    merged = await shared.of(plan, state, "s2", with_own=False)

    assert (len(merged.outputs), merged.earlier) == (2, None)


async def test_many_steps_that_put_out_nothing_need_no_link(backend, store):
    plan, state = chain(100)
    for step in plan.order[3:]:
        state = state.with_step(step, output=None)

    merged = await Outputs(store, LIMIT).of(plan, state, "s99", with_own=False)

    assert (len(merged.outputs), merged.earlier) == (3, None)
    assert await backend.payloads.keys(">") == []


async def test_an_id_that_is_used_again_has_links_of_its_own(backend, store):
    plan, state = chain(100)
    shared = Outputs(store, LIMIT)
    await shared.of(plan, state, "s99", with_own=False)
    await store.purge(RUN)

    again = replace(state, record=replace(state.record, created_at=1.0))
    merged = await shared.of(plan, again, "s99", with_own=False)

    assert len(await read(store, merged, "s99")) > 90


async def test_links_of_many_runs_are_not_remembered_for_ever(backend, store, monkeypatch):
    monkeypatch.setattr(outputs, "_REMEMBERED", 1)
    plan, state = chain(100)
    other = replace(state, record=replace(state.record, run="r2"))
    shared = Outputs(store, LIMIT)
    for one in (state, other):
        await shared.of(plan, one, "s99", with_own=False)
    merged = await shared.of(plan, state, "s99", with_own=False)

    assert len(shared._chains) == 1
    assert len(await read(store, merged, "s99")) > 90


async def test_links_of_a_run_that_is_over_are_not_remembered(store):
    plan, state = chain(100)
    shared = Outputs(store, LIMIT)
    await shared.of(plan, state, "s99", with_own=False)
    assert len(shared._chains) == 1

    shared.forget(state)

    assert len(shared._chains) == 0
