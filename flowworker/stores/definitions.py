"""Definitions by content hash (for ever), and which hash a name stands for now.

def.<hash>      the definition
latest.<name>   its hash
"""

from __future__ import annotations

__all__ = ["DefinitionStore"]

import asyncio
from typing import TYPE_CHECKING

from flowworker.definitions import Parser, content
from flowworker.errors import WorkflowNotFound

if TYPE_CHECKING:
    from flowworker.core.graph import Plan
    from flowworker.core.model import Workflow
    from flowworker.ports import Records


class DefinitionStore:
    """What is registered. Plans are compiled once per hash and kept."""

    def __init__(self, records: Records) -> None:
        """Keep everything in `records`."""
        self._records = records
        self._plans: dict[str, Plan] = {}
        self._asking: dict[str, asyncio.Task[Plan]] = {}

    async def register(self, workflow: Workflow) -> str:
        """Make it what its name stands for; its content hash. Runs under way keep theirs.

        Raises:
            DefinitionError: it is not valid, which one built by hand may be.
        """
        Parser().validate(workflow)
        digest = content.content_hash(workflow)
        await self._records.put(f"def.{digest}", content.encode(workflow))
        await self._records.put(f"latest.{workflow.name}", digest.encode())
        return digest

    async def by_hash(self, digest: str) -> Plan:
        """The plan that a run is pinned to."""
        plan = self._plans.get(digest)
        if plan is None:
            found = await self._records.read(f"def.{digest}")
            if found is None:
                raise WorkflowNotFound(f"no definition with content hash {digest} is stored")
            plan = self._plans[digest] = content.plan_of(content.decode(found[0]))
        return plan

    async def latest(self, name: str) -> Plan:
        """What the name stands for at this moment.

        Callers that arrive while nobody has yet sent the question share the answer: under load
        this costs one read per round trip, not one per start, and no answer is older than its
        question.
        """
        asking = self._asking.get(name)
        if asking is None:
            asking = self._asking[name] = asyncio.create_task(self._ask(name))
        return await asyncio.shield(asking)

    async def _ask(self, name: str) -> Plan:
        await asyncio.sleep(0)  # let everyone who is already here join
        del self._asking[name]
        found = await self._records.read(f"latest.{name}")
        if found is None:
            raise WorkflowNotFound(
                f"no workflow {name!r} is registered; register it with `flowworker register FILE`"
            )
        return await self.by_hash(found[0].decode())

    async def names(self) -> list[str]:
        """Names of all registered workflows, sorted."""
        keys = await self._records.keys("latest.>")
        return sorted(key.removeprefix("latest.") for key in keys)
