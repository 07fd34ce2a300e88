"""The `Presences` port."""

from __future__ import annotations

import asyncio

from tests.support.waiting import eventually

COORDINATOR = "present.coordinator.one"
WORKER = "present.worker.default.two"


async def keys(backend, pattern: str) -> list[str]:
    return [entry.key for entry in await backend.presences.entries(pattern)]


async def test_nobody_is_there(backend):
    assert list(await backend.presences.entries("present.>")) == []


async def test_what_was_put_last_is_shown_to_all(backend, peer):
    await backend.presences.put(WORKER, b"1", 60)
    await backend.presences.put(WORKER, b"2", 60)

    [entry] = await peer.presences.entries("present.>")

    assert (entry.key, entry.value) == (WORKER, b"2")


async def test_a_pattern_selects_in_the_order_of_the_keys(backend):
    for key in (WORKER, COORDINATOR, "present.worker.default.another"):
        await backend.presences.put(key, b"{}", 60)

    assert await keys(backend, "present.coordinator.*") == [COORDINATOR]
    assert await keys(backend, "present.worker.*.*") == ["present.worker.default.another", WORKER]


async def test_the_age_is_counted_from_the_last_time(backend):
    await backend.presences.put(WORKER, b"1", 60)
    [first] = await backend.presences.entries(WORKER)

    async def later():
        [entry] = await backend.presences.entries(WORKER)
        return entry.time == first.time and entry.age > first.age + 0.2

    await eventually(later)
    await backend.presences.put(WORKER, b"2", 60)
    [again] = await backend.presences.entries(WORKER)
    assert again.time > first.time + 0.2
    assert again.time + again.age > first.time + first.age


async def test_what_is_removed_is_not_shown(backend, peer):
    await backend.presences.put(WORKER, b"1", 60)
    await backend.presences.put(COORDINATOR, b"1", 60)

    await backend.presences.remove(WORKER)
    await backend.presences.remove("present.worker.default.nobody")

    assert await keys(peer, "present.>") == [COORDINATOR]


async def test_one_who_was_removed_may_come_back(backend):
    await backend.presences.put(WORKER, b"1", 60)
    await backend.presences.remove(WORKER)

    await backend.presences.put(WORKER, b"2", 60)

    assert await keys(backend, "present.>") == [WORKER]


async def test_what_is_not_put_again_ends(backend):
    await backend.presences.put(WORKER, b"1", 1)
    await backend.presences.put(COORDINATOR, b"1", 60)

    async def ended():
        return await keys(backend, "present.>") == [COORDINATOR]

    await eventually(ended)


async def test_what_is_put_again_in_time_goes_on(backend):
    await backend.presences.put(WORKER, b"1", 1)
    await backend.presences.put(WORKER, b"2", 60)
    await backend.presences.put(COORDINATOR, b"1", 1)

    async def the_other_ended():
        return await keys(backend, "present.coordinator.*") == []

    await eventually(the_other_ended)
    assert await keys(backend, "present.worker.*.*") == [WORKER]


async def test_they_are_no_leases(backend):
    await backend.presences.put(WORKER, b"1", 60)

    assert await backend.leases.holders("partition.*") == {}
    assert await asyncio.gather(*[backend.leases.acquire("partition.1", "a", 30)]) != [None]
