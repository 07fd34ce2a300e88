"""The `Records` port."""

from __future__ import annotations

import asyncio

import pytest

from flowworker.errors import Conflict
from integration.contract.support import KEEPERS
from tests.support.waiting import eventually

pytestmark = pytest.mark.parametrize("adapter_name", [*KEEPERS, "sharded"])

KEY = "run.run-1"


@pytest.fixture(params=["runs", "definitions", "payloads"])
def records(request, backend):
    return getattr(backend, request.param)


async def test_what_was_never_written_is_none(records):
    assert await records.read(KEY) is None
    assert await records.keys(">") == []


@pytest.mark.parametrize("value", [b"value", b"", bytes(range(256)), b"\n" * 600_000])
async def test_a_value_is_read_as_it_was_written(backend, value):
    revision = await backend.runs.write(KEY, value, 0)

    assert await backend.runs.read(KEY) == (value, revision)
    assert await backend.runs.keys("run.*") == [KEY]


async def test_an_empty_value_put_over_another_is_no_removal(backend):
    await backend.runs.put(KEY, b"value")
    revision = await backend.runs.put(KEY, b"")

    assert await backend.runs.read(KEY) == (b"", revision)
    assert await backend.runs.keys(">") == [KEY]


async def test_a_write_over_the_current_revision_succeeds(records):
    first = await records.write(KEY, b"1", 0)
    second = await records.write(KEY, b"2", first)

    assert second > first
    assert await records.read(KEY) == (b"2", second)


async def test_a_write_over_another_revision_is_a_conflict_and_changes_nothing(records):
    # Given a key that was written twice
    first = await records.write(KEY, b"1", 0)
    second = await records.write(KEY, b"2", first)

    # When somebody writes who knows nothing of it, or not the latest
    for revision in (0, first, second + 1):
        with pytest.raises(Conflict):
            await records.write(KEY, b"3", revision)

    # Then it is as it was
    assert await records.read(KEY) == (b"2", second)


async def test_a_write_over_a_revision_of_what_does_not_exist_is_a_conflict(records):
    elsewhere = await records.write("run.run-2", b"1", 0)

    with pytest.raises(Conflict):
        await records.write(KEY, b"1", elsewhere)

    assert await records.read(KEY) is None


async def test_a_put_overwrites_whatever_is_there(backend):
    first = await backend.runs.put(KEY, b"1")
    second = await backend.runs.put(KEY, b"2")

    assert second > first
    assert await backend.runs.read(KEY) == (b"2", second)
    with pytest.raises(Conflict):
        await backend.runs.write(KEY, b"3", first)


async def test_revisions_grow_over_all_keys(backend):
    runs = backend.runs
    seen = [await runs.put("a.1", b""), await runs.write("b.1", b"", 0)]
    seen.append(await runs.write("a.1", b"x", seen[0]))
    await runs.purge(">")
    seen.append(await runs.write("a.1", b"", 0))
    seen.append(await runs.put("c", b""))

    assert seen == sorted(set(seen))


async def test_of_many_who_create_a_key_one_succeeds(backend, peer):
    members = [backend.runs, peer.runs]
    results = await asyncio.gather(
        *(members[i % 2].write(KEY, b"%d" % i, 0) for i in range(30)), return_exceptions=True
    )

    winners = [i for i, result in enumerate(results) if isinstance(result, int)]
    assert len(winners) == 1
    assert {type(result) for result in results} == {int, Conflict}
    assert await backend.runs.read(KEY) == (b"%d" % winners[0], results[winners[0]])


async def test_no_increment_of_concurrent_writers_is_lost(backend, peer):
    async def increment(runs, times):
        done = 0
        while done < times:
            value, revision = await runs.read(KEY)
            try:
                await runs.write(KEY, b"%d" % (int(value) + 1), revision)
            except Conflict:
                continue
            done += 1

    await backend.runs.put(KEY, b"0")

    await asyncio.gather(*(increment(member.runs, 5) for member in (backend, peer) * 4))

    value, _ = await backend.runs.read(KEY)
    assert value == b"40"


async def test_a_read_sees_every_write_that_was_acknowledged_before(backend, peer):
    for i in range(20):
        revision = await backend.runs.put(KEY, b"%d" % i)

        assert await peer.runs.read(KEY) == (b"%d" % i, revision)


KEYS = {
    *("run.run1", "run.run12", "run.run-1", "emit.q.run1.a", "emit.q.run1.a.b"),
    *("step.default.run1.charge", "step.default.run1.customer.persona", "step.slow.run1.charge"),
    *("step.default.run12.charge", "index.RUNNING.order.fulfil.run1", "index.FAILED.order.run1"),
}


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        (">", KEYS),
        ("run.run1", {"run.run1"}),
        ("run.*", {"run.run1", "run.run12", "run.run-1"}),
        ("run", set()),
        ("run.run", set()),
        ("run.run1.>", set()),
        ("*.run1", {"run.run1"}),
        ("emit.*.run1.>", {"emit.q.run1.a", "emit.q.run1.a.b"}),
        ("emit.q.run1.*", {"emit.q.run1.a"}),
        (
            "step.*.run1.>",
            {
                "step.default.run1.charge",
                "step.default.run1.customer.persona",
                "step.slow.run1.charge",
            },
        ),
        ("step.*.run1.charge", {"step.default.run1.charge", "step.slow.run1.charge"}),
        ("step.*.*.charge", {key for key in KEYS if key.endswith(".charge")}),
        ("index.RUNNING.>", {"index.RUNNING.order.fulfil.run1"}),
        ("index.RUNNING.order.*", set()),
        ("index.RUNNING.order.fulfil.*", {"index.RUNNING.order.fulfil.run1"}),
        ("index.*.*.run1", {"index.FAILED.order.run1"}),
        ("nothing.>", set()),
    ],
)
async def test_patterns(backend, pattern, found):
    await asyncio.gather(*(backend.runs.put(key, b"x") for key in KEYS))

    assert sorted(await backend.runs.keys(pattern)) == sorted(found)

    await backend.runs.purge(pattern)
    assert set(await backend.runs.keys(">")) == KEYS - found


async def test_what_was_purged_never_existed(records):
    # Given a key among others
    first = await records.put(KEY, b"1")
    await records.put("run.run-12", b"1")

    # When it is purged, twice
    await records.purge(KEY)
    await records.purge(KEY)

    # Then it can be created, by those who know that it does not exist, and at no old revision
    assert await records.read(KEY) is None
    with pytest.raises(Conflict):
        await records.write(KEY, b"2", first)
    assert await records.write(KEY, b"2", 0) > first
    assert await records.read("run.run-12") is not None


async def test_what_was_written_since_is_not_purged(records):
    first, other = await records.put(KEY, b"1"), await records.put("run.run-12", b"1")
    second = await records.write(KEY, b"2", first)

    await records.purge(KEY, first)
    assert await records.read(KEY) == (b"2", second)

    await records.purge("run.*", second)
    assert await records.keys("run.*") == []
    assert second > other
    assert await records.write(KEY, b"3", 0) > second


async def test_many_keys_are_listed_completely(backend):
    expected = {f"index.RUNNING.w.run{i}" for i in range(1_500)}
    gate = asyncio.Semaphore(100)

    async def put(key):
        async with gate:
            await backend.runs.put(key, b"")

    await asyncio.gather(*(put(key) for key in expected))

    assert set(await backend.runs.keys("index.RUNNING.>")) == expected


async def test_the_maps_of_a_backend_have_nothing_in_common(backend):
    await backend.runs.put(KEY, b"run")

    assert await backend.definitions.read(KEY) is None
    assert await backend.payloads.read(KEY) is None
    await backend.definitions.purge(">")
    assert await backend.runs.read(KEY) is not None


async def test_what_has_a_time_to_live_is_gone_after_it_and_nothing_else_is(backend):
    # Given values of a second, and one without a limit
    records = backend.payloads
    for key in ("a.upload.1", "b.upload.1"):
        await records.put(key, b"1", ttl=1)
    await records.put("a.input", b"1")
    assert set(await records.keys(">")) == {"a.input", "a.upload.1", "b.upload.1"}

    # When it is over
    async def are_gone():
        return not await records.read("a.upload.1") and not await records.read("b.upload.1")

    await eventually(are_gone)

    # Then they left no trace
    assert await records.keys(">") == ["a.input"]
    assert await records.read("a.input") is not None


async def test_few_records_are_read_together_and_more_are_refused(records):
    revisions = [await records.put(f"index.A.{number}", b"%d" % number) for number in range(5)]
    third = revisions[3]
    await records.put("index.B.x.y", b"")
    await records.put(KEY, b"record")

    found = await records.few(["index.A.1", "index.B.>", "index.*.3", "index.C.>", KEY], 4)
    keys = ["index.A.1", "index.A.3", "index.B.x.y", KEY]
    assert found == {key: await records.read(key) for key in keys}
    assert found["index.A.3"] == (b"3", third)
    assert set(await records.few(["index.>"], 6)) == {
        *(f"index.A.{number}" for number in range(5)),
        "index.B.x.y",
    }
    assert await records.few(["index.>"], 5) is None
    assert await records.few(["index.C.>", "other.>"], 5) == {}


async def test_far_too_many_records_are_refused_as_well(backend):
    for first in range(0, 1200, 100):
        await asyncio.gather(
            *(backend.runs.put(f"index.A.{n}", b"") for n in range(first, first + 100))
        )

    assert await backend.runs.few(["index.>"], 256) is None
    some = [f"index.A.{n}" for n in range(256)]
    assert set(await backend.runs.few(some, 256)) == set(some)


async def test_what_was_purged_is_none_of_few(records):
    await records.put(KEY, b"1")
    revision = await records.put("run.run-2", b"2")
    await records.purge(KEY)

    assert await records.few(["run.*"], 2) == {"run.run-2": (b"2", revision)}
