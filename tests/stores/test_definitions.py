"""What is registered: by hash for ever, in chunks if it is large, all of it or nothing."""

from __future__ import annotations

import asyncio
import gc

import msgspec
import pytest

from flowworker.core.model import Step, Workflow
from flowworker.definitions import content_hash
from flowworker.definitions.content import encode, hash_of
from flowworker.definitions.document import MAX_STEPS
from flowworker.errors import DefinitionError, NewerRelease, WorkflowNotFound
from flowworker.stores.definitions import DefinitionStore
from tests.support import backends
from tests.support.faults import Flaky
from tests.support.waiting import eventually

SMALL = Workflow("small", (Step("a", "h"),))


def real_names(name, steps):
    """A workflow as large ones are: long names, a few dependencies each."""
    ids = [
        f"SAREK.PREPARE_GENOME.GATK4_CREATESEQUENCEDICTIONARY_{number}" for number in range(steps)
    ]
    return Workflow(
        name,
        tuple(
            Step(step, "sarek.task", tuple(ids[max(0, number - 3) : number]))
            for number, step in enumerate(ids)
        ),
    )


class Recording:
    """Records that note what is asked of them."""

    def __init__(self, records):
        self._records = records
        self.written = []
        self.read_keys = []

    def __getattr__(self, name):
        return getattr(self._records, name)

    async def read(self, key):
        self.read_keys.append(key)
        await asyncio.sleep(0)
        return await self._records.read(key)

    async def put(self, key, value, *, ttl=0):
        self.written.append(key)
        return await self._records.put(key, value, ttl=ttl)


@pytest.mark.slow
async def test_a_workflow_of_as_many_steps_as_there_may_be_is_registered():
    # Given a workflow that fits no message
    large = real_names("large", MAX_STEPS)
    async with backends.memory() as backend:
        # When it is registered
        digest = await DefinitionStore(backend.definitions).register(large)
        # Then the one who asks for it gets it, by name and by hash
        another = DefinitionStore(backend.definitions)
        assert (await another.latest("large")).workflow == large
        assert (await another.by_hash(digest)).workflow == large


@pytest.mark.slow
async def test_a_definition_is_read_once_however_many_ask_for_it_at_the_same_time():
    async with backends.memory() as backend:
        digest = await DefinitionStore(backend.definitions).register(SMALL)
        records = Recording(backend.definitions)
        store = DefinitionStore(records)

        plans = await asyncio.gather(*(store.by_hash(digest) for _ in range(9)))

        assert records.read_keys == [f"def.{digest}"]
        assert all(plan is plans[0] for plan in plans)


async def test_a_definition_that_could_not_be_read_is_asked_for_again():
    async with backends.memory() as backend:
        store = DefinitionStore(backend.definitions)
        with pytest.raises(WorkflowNotFound):
            await store.by_hash(content_hash(SMALL))

        digest = await store.register(SMALL)

        assert (await store.by_hash(digest)).workflow == SMALL


async def test_an_answer_that_fails_when_nobody_waits_for_it_any_more_is_no_defect():
    async with backends.memory() as backend:
        records = Flaky(backend.definitions, read=["before"])
        defects: list[dict[str, object]] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: defects.append(context))

        waiting = asyncio.create_task(DefinitionStore(records).latest("small"))
        await asyncio.sleep(0)
        waiting.cancel()
        await eventually(lambda: _answer(records.calls))
        del waiting
        gc.collect()

        assert defects == []


async def _answer(calls):
    return calls


async def test_a_name_is_written_when_all_that_it_stands_for_is():
    async with backends.memory() as backend:
        records = Recording(backend.definitions)
        large = real_names("large", 5_000)
        digests = await DefinitionStore(records).register_all([SMALL, large])
        *parts, definition, small, name = records.written[1:]
        assert records.written[0] == f"def.{digests[0]}"
        assert len(parts) >= 2
        assert all(part.startswith(f"part.{digests[1]}.") for part in parts)
        assert [definition, small, name] == [f"def.{digests[1]}", "latest.small", "latest.large"]


async def test_of_several_definitions_all_are_registered_or_none():
    async with backends.memory() as backend:
        records = Recording(backend.definitions)
        store = DefinitionStore(records)
        with pytest.raises(DefinitionError, match="workflow 'cyclic': circular dependency"):
            await store.register_all(
                [SMALL, Workflow("cyclic", (Step("a", "h", ("a2",)), Step("a2", "h", ("a",))))]
            )
        assert records.written == []
        with pytest.raises(WorkflowNotFound):
            await store.latest("small")


@pytest.mark.slow
async def test_a_large_definition_of_which_a_part_is_gone_cannot_be_read():
    async with backends.memory() as backend:
        digest = await DefinitionStore(backend.definitions).register(real_names("large", 5_000))
        await backend.definitions.purge("part.>")
        with pytest.raises(DefinitionError, match="stored definition cannot be read: part"):
            await DefinitionStore(backend.definitions).by_hash(digest)


async def test_a_reference_that_is_none_cannot_be_read():
    async with backends.memory() as backend:
        await backend.definitions.put("def.abc", b'{"stored": 5}')
        with pytest.raises(DefinitionError, match="stored definition cannot be read"):
            await DefinitionStore(backend.definitions).by_hash("abc")


@pytest.mark.slow
async def test_the_hash_of_a_large_definition_is_that_of_its_content():
    large = real_names("large", 5_000)
    async with backends.memory() as backend:
        assert await DefinitionStore(backend.definitions).register(large) == content_hash(large)


@pytest.mark.parametrize("damaged", [b"", b"\xff\xfe", b"a b", b"*", b"F" * 32])
async def test_a_name_that_stands_for_nothing_says_what_to_do(damaged):
    async with backends.memory() as backend:
        store = DefinitionStore(backend.definitions)
        await store.register(SMALL)
        await backend.definitions.put("latest.small", damaged)

        with pytest.raises(DefinitionError, match=r"latest\.small: .*register the workflow again"):
            await store.latest("small")


async def test_a_definition_under_the_hash_of_another_is_not_taken_for_it():
    async with backends.memory() as backend:
        digest = await DefinitionStore(backend.definitions).register(SMALL)
        other = Workflow("small", (Step("b", "h"),))
        await backend.definitions.put(f"def.{digest}", encode(other))

        with pytest.raises(DefinitionError, match=f"def.{digest} holds another definition"):
            await DefinitionStore(backend.definitions).latest("small")


@pytest.mark.parametrize("more", [{"key": 1}, {"timeout": "of another form"}])
async def test_a_definition_of_a_newer_release_is_no_damage(more):
    raw = msgspec.json.encode({"name": "small", "steps": [{"id": "a", "uses": "h"}], **more})
    async with backends.memory() as backend:
        digest = hash_of(raw)
        await backend.definitions.put(f"def.{digest}", raw)
        await backend.definitions.put("latest.small", digest.encode())

        with pytest.raises(NewerRelease, match=f"def.{digest}: written by a newer release"):
            await DefinitionStore(backend.definitions).latest("small")
