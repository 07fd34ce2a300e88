"""Definitions by content hash (for ever), and which hash a name stands for now.

def.<hash>      the definition, or that of a group in one;
                `{"stored": ...}` for one that would not fit a message
part.<hash>.…   what that refers to, in chunks
latest.<name>   the hash

Names are written last, so that every hash that can be found has its definition. All definitions
are validated before the first is written, so that of several all are registered or none.
"""

from __future__ import annotations

__all__ = ["DefinitionStore"]

import asyncio
from typing import TYPE_CHECKING

import msgspec

from flowworker.core.children import calls_in, groups_in
from flowworker.core.payload import Stored
from flowworker.definitions import content
from flowworker.definitions.calls import circle_in, unknown_call
from flowworker.errors import (
    CorruptRecord,
    DefinitionError,
    FlowworkerError,
    NewerRelease,
    WorkflowNotFound,
)
from flowworker.settings import Settings
from flowworker.stores.payloads import CHUNK, PayloadStore

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowworker.core.graph import Plan
    from flowworker.core.model import Workflow
    from flowworker.ports import Records


class _Reference(msgspec.Struct):
    """Stands for a large definition. No workflow has a key of that name."""

    stored: Stored


_REFERENCE = b'{"stored":'


class DefinitionStore:
    """What is registered. Plans are compiled once per hash and kept."""

    def __init__(self, records: Records) -> None:
        """Keep everything in `records`."""
        self._records = records
        self._large = PayloadStore(records, Settings())
        self._plans: dict[str, Plan] = {}
        self._asking: dict[str, asyncio.Task[Plan]] = {}
        self._loading: dict[str, asyncio.Task[Plan]] = {}

    async def register(self, workflow: Workflow) -> str:
        """Make it what its name stands for; its content hash. Active runs keep theirs.

        Raises:
            DefinitionError: it is not valid, which one built by hand may be.
        """
        [digest] = await self.register_all([workflow])
        return digest

    async def register_all(self, workflows: Iterable[Workflow]) -> list[str]:
        """Make each one what its name stands for; their content hashes.

        Raises:
            DefinitionError: one is not valid; then none is registered.
        """
        from flowworker.definitions.parsing import Parser  # noqa: PLC0415 - slow, and few register

        found = list(workflows)
        for workflow in found:
            Parser().validate(workflow)
        await self._check_calls({workflow.name: workflow for workflow in found})
        digests = [content.content_hash(workflow) for workflow in found]
        for workflow, digest in zip(found, digests, strict=True):
            for group in groups_in(workflow):
                await self._put(content.content_hash(group), content.encode(group))
            await self._put(digest, content.encode(workflow))
        for workflow, digest in zip(found, digests, strict=True):
            await self._records.put(f"latest.{workflow.name}", digest.encode())
        return digests

    async def _check_calls(self, known: dict[str, Workflow]) -> None:
        """Raise DefinitionError unless all that these call exists, and none calls itself."""
        left = [*known.values()]
        while left:
            workflow = left.pop()
            for name in calls_in(workflow).keys() - known.keys():
                try:
                    known[name] = (await self.latest(name)).workflow
                except WorkflowNotFound:
                    names = [*known, *await self.names()]
                    raise DefinitionError([unknown_call(workflow, name, names)]) from None
                left.append(known[name])
        if circle := circle_in(known.values()):
            path = " -> ".join(circle)
            raise DefinitionError([f"workflow {circle[0]!r} calls itself: {path}"])

    async def _put(self, digest: str, data: bytes) -> None:
        if len(data) > CHUNK:
            stored = await self._large.store_under(f"part.{digest}", data)
            data = msgspec.json.encode(_Reference(stored))
        await self._records.put(f"def.{digest}", data)

    async def by_hash(self, digest: str) -> Plan:
        """The plan that a run is pinned to; read and compiled once, however many wait for it.

        Raises:
            WorkflowNotFound: no such definition is stored.
            DefinitionError: what is stored cannot be read.
        """
        if (plan := self._plans.get(digest)) is not None:
            return plan
        loading = self._loading.get(digest)
        if loading is None:
            loading = self._loading[digest] = asyncio.create_task(self._compiled(digest))
            loading.add_done_callback(lambda done: self._loaded(digest, done))
        return await asyncio.shield(loading)

    async def _compiled(self, digest: str) -> Plan:
        found = await self._records.read(f"def.{digest}")
        if found is None:
            raise WorkflowNotFound(f"no definition with content hash {digest} is stored")
        raw = await self._load(found[0])
        try:
            plan = content.plan_of(content.decode(raw))
        except DefinitionError as error:
            raise _unusable(digest, raw, error) from error
        if plan.hash != digest:  # runs would be pinned to one that is not stored
            another = f"def.{digest} holds another definition; register it again"
            raise _unusable(digest, raw, DefinitionError([another]))
        self._plans[digest] = plan
        return plan

    def _loaded(self, digest: str, loading: asyncio.Task[Plan]) -> None:
        del self._loading[digest]
        _retrieve(loading)

    async def _load(self, data: bytes) -> bytes:
        if not data.startswith(_REFERENCE):
            return data
        try:
            return await self._large.read(msgspec.json.decode(data, type=_Reference).stored)
        except (msgspec.MsgspecError, CorruptRecord) as error:
            raise DefinitionError([f"stored definition cannot be read: {error}"]) from error

    async def latest(self, name: str) -> Plan:
        """What the name stands for at this moment.

        Callers that come before the request is sent share its answer: under load this costs one
        read per round trip, not one per start, and no answer is older than the call.
        """
        asking = self._asking.get(name)
        if asking is None:
            asking = self._asking[name] = asyncio.create_task(self._ask(name))
            asking.add_done_callback(_retrieve)
        return await asyncio.shield(asking)

    async def _ask(self, name: str) -> Plan:
        await asyncio.sleep(0)  # let everyone who is already here join
        del self._asking[name]
        found = await self._records.read(f"latest.{name}")
        if found is None:
            raise WorkflowNotFound(
                f"no workflow {name!r} is registered; register it with `flowworker register FILE`"
            )
        digest = found[0].decode(errors="replace")
        if not content.HASH.fullmatch(digest):
            expected = f"expected the hash of a definition, found {found[0][:80]!r}"
            raise DefinitionError([f"latest.{name}: {expected}; register the workflow again"])
        return await self.by_hash(digest)

    async def is_registered(self, name: str) -> bool:
        """Whether the name stands for a definition."""
        return bool(await self._records.keys(f"latest.{name}"))

    async def names(self) -> list[str]:
        """Names of all registered workflows, sorted."""
        keys = await self._records.keys("latest.>")
        return sorted(key.removeprefix("latest.") for key in keys)

    async def hashes(self) -> list[str]:
        """Content hashes of all definitions that were ever registered, groups among them."""
        keys = await self._records.keys("def.>")
        return sorted(key.removeprefix("def.") for key in keys)


def _unusable(digest: str, raw: bytes, error: DefinitionError) -> FlowworkerError:
    """What to raise for it: if it is as it was registered, a newer release can read it."""
    if content.hash_of(raw) != digest:
        return error
    return NewerRelease(f"def.{digest}", raw, "with keys or values that this one does not know")


def _retrieve(task: asyncio.Task[Plan]) -> None:
    """Look at its error: no caller may be left to do so."""
    if not task.cancelled():
        task.exception()
