"""`StateStore`: inputs, states, outputs and events of executions."""

from __future__ import annotations

import pytest

from flowworker import (
    Conflict,
    InvalidInput,
    NotFound,
    RunNotFound,
)
from integration.contract.support import RUN


async def test_an_execution_that_was_initialized_is_pending(store, peer):
    await store.initialize_execution(RUN, b'{"order": 7}')

    assert await peer.get_input(RUN) == b'{"order": 7}'
    assert await peer.get_state(RUN) == {"": "PENDING"}
    assert await peer.list_executions("PENDING") == [RUN]


async def test_an_input_can_be_replaced(store):
    await store.initialize_execution(RUN, b"{}")

    await store.save_input(RUN, b'{"order": 8}')

    assert await store.get_input(RUN) == b'{"order": 8}'
    assert await store.list_executions("PENDING") == [RUN]


async def test_states_of_steps_are_kept(store, peer):
    await store.initialize_execution(RUN, b"{}")
    for step, state in (("a", "COMPLETED"), ("b.c", "RUNNING"), ("d", "FAILED"), ("e", "PENDING")):
        await store.save_state(RUN, step, state)
    await store.save_state(RUN, "d", "RETRYING")

    assert await peer.get_state(RUN) == {
        "": "PENDING",
        "a": "COMPLETED",
        "b.c": "RUNNING",
        "d": "RETRYING",
        "e": "PENDING",
    }


async def test_the_state_of_the_whole_moves_it_from_list_to_list(store, peer):
    for run in (RUN, "run-2", "run-12"):
        await store.initialize_execution(run, b"{}")
        await store.save_state(run, "", "RUNNING")

    await store.save_state("run-2", "", "COMPLETED")

    assert await peer.list_executions("RUNNING") == [RUN, "run-12"]
    assert await peer.list_executions("COMPLETED") == ["run-2"]
    assert await peer.list_executions("PENDING") == []
    assert await peer.list_executions("FAILED") == []


async def test_a_terminal_state_never_changes(store):
    await store.initialize_execution(RUN, b"{}")
    await store.save_state(RUN, "", "FAILED")
    await store.save_state(RUN, "", "FAILED")

    with pytest.raises(Conflict, match="FAILED already"):
        await store.save_state(RUN, "", "RUNNING")

    assert await store.list_executions("FAILED") == [RUN]


async def test_outputs_are_kept_beside_states(store, peer):
    await store.initialize_execution(RUN, b"{}")
    await store.save_step_output(RUN, "a", b'{"total": 3}')
    await store.save_state(RUN, "a", "COMPLETED")

    assert await peer.get_step_output(RUN, "a") == b'{"total": 3}'
    assert (await peer.get_state(RUN))["a"] == "COMPLETED"


async def test_events_are_emitted_once_recorded(store, peer):
    assert not await store.is_event_emitted(RUN, "order.paid")

    await store.record_event_emitted(RUN, "order.paid")
    await store.record_event_emitted(RUN, "order.paid")

    assert await peer.is_event_emitted(RUN, "order.paid")
    assert not await peer.is_event_emitted(RUN, "order")
    assert not await peer.is_event_emitted("run-2", "order.paid")


async def test_of_what_is_unknown_nothing_is_known(store):
    assert await store.get_state("unknown") == {}
    assert not await store.is_event_emitted("unknown", "order.paid")
    with pytest.raises(RunNotFound, match="unknown"):
        await store.get_input("unknown")
    with pytest.raises(NotFound, match="has no output"):
        await store.get_step_output("unknown", "a")
    await store.set_ttl("unknown", 1)
    assert await store.get_state("unknown") == {}


async def test_a_step_without_output_has_none(store):
    await store.initialize_execution(RUN, b"{}")
    await store.save_state(RUN, "a", "COMPLETED")

    with pytest.raises(NotFound, match="'a' of 'run-1' has no output"):
        await store.get_step_output(RUN, "a")


@pytest.mark.parametrize(
    "call",
    [
        lambda s: s.initialize_execution("run 1", b"{}"),
        lambda s: s.initialize_execution("run.1", b"{}"),
        lambda s: s.initialize_execution("", b"{}"),
        lambda s: s.initialize_execution(RUN, b"{"),
        lambda s: s.save_input(RUN, b"\xff"),
        lambda s: s.get_input("*"),
        lambda s: s.get_state(">"),
        lambda s: s.save_state(RUN, "", "DONE"),
        lambda s: s.save_state(RUN, "a", "DONE"),
        lambda s: s.save_state(RUN, "a b", "RUNNING"),
        lambda s: s.save_step_output(RUN, "a", b"nope"),
        lambda s: s.save_step_output(RUN, "*", b"1"),
        lambda s: s.get_step_output(RUN, ">"),
        lambda s: s.list_executions("DONE"),
        lambda s: s.record_event_emitted(RUN, "a b"),
        lambda s: s.is_event_emitted(RUN, "a..b"),
        lambda s: s.set_ttl(RUN, -1),
    ],
)
async def test_what_is_malformed_is_refused(store, call):
    with pytest.raises(InvalidInput):
        await call(store)

    assert await store.list_executions("PENDING") == []


async def test_a_store_opens_again_after_it_was_closed(store):
    async with store:
        await store.initialize_execution(RUN, b"{}")

    assert await store.get_state(RUN) == {"": "PENDING"}
