"""Registers definitions, and has their schedules followed."""

from __future__ import annotations

__all__ = ["Registering"]

from contextlib import suppress
from typing import TYPE_CHECKING

from flowworker.codec.schedules import ScheduleAction
from flowworker.errors import (
    DefinitionError,
    NewerRelease,
    PermissionDenied,
    WorkflowNotFound,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowworker.core.model import Workflow
    from flowworker.stores.stores import Stores


class Registering:
    """A part of `Client`."""

    _stores: Stores

    async def register(self, workflow: Workflow) -> str:
        """Make a definition what its name stands for; its content hash. Runs keep theirs.

        Its schedules are what it says from now on. A coordinator sees to that: it may take until
        one is there.

        Raises:
            DefinitionError: it is not valid, or a schedule of that id belongs elsewhere.
        """
        [digest] = await self.register_all([workflow])
        return digest

    async def register_all(self, workflows: Iterable[Workflow]) -> list[str]:
        """The same for several: their content hashes. All are registered, or none."""
        found = list(workflows)
        await self._check_schedules(found)
        scheduled = [one.name for one in found if one.schedules or await self._had(one.name)]
        digests = await self._stores.definitions.register_all(found)
        for name in scheduled:
            subject = f"control.schedule.{ScheduleAction.REGISTER}.{name}"
            await self._stores.backend.commands.send(subject, b"{}", {})
        return digests

    async def _check_schedules(self, workflows: list[Workflow]) -> None:
        """Raise DefinitionError for a schedule whose id is taken by another one."""
        owners: dict[str, str] = {}
        for workflow in workflows:
            for schedule in workflow.schedules:
                owner = owners.setdefault(schedule.id, workflow.name)
                whose = f"workflow {owner!r}" if owner != workflow.name else ""
                with suppress(PermissionDenied):  # who may register may not be one who may look
                    whose = whose or await self._owner(schedule.id, workflow.name)
                if whose:
                    problem = f"workflow {workflow.name!r}: schedule {schedule.id!r} is one of"
                    raise DefinitionError([f"{problem} {whose}; choose another id"])

    async def _owner(self, schedule: str, workflow: str) -> str:
        """Whose it is, if not the workflow's definition's."""
        found = await self._stores.schedules.load(schedule)
        if found is None or (found[0].defined and found[0].workflow == workflow):
            return ""
        owner = f"workflow {found[0].workflow!r}"
        return owner if found[0].defined else f"{owner}, and was created by hand"

    async def _had(self, name: str) -> bool:
        """Whether the definition of that name has schedules until now."""
        with suppress(WorkflowNotFound, DefinitionError, NewerRelease):
            return bool((await self._stores.definitions.latest(name)).workflow.schedules)
        return False
