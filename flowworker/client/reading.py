"""What a client reads: definitions, runs, and what happens to them."""

from __future__ import annotations

__all__ = ["Reading"]

from typing import TYPE_CHECKING, Any

from flowworker.client.accepted import NotBegun
from flowworker.client.children import with_children
from flowworker.client.lookup import Lookup
from flowworker.client.starting import check_dotted_name, check_run_id
from flowworker.client.views import Views
from flowworker.client.watching import events_of, watch_all, watch_run

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

    from flowworker.client.views import RunSummary, RunView
    from flowworker.clock import Clock
    from flowworker.core.model import Workflow
    from flowworker.core.status import RunStatus
    from flowworker.stores.stores import Stores

History = list[dict[str, Any]]


class Reading:
    """The part of `Client` that sends no commands."""

    def __init__(self, stores: Stores, clock: Clock) -> None:
        """Read what that backend keeps."""
        self._stores = stores
        self._clock = clock
        self._views = Views(stores, clock)
        self._lookup = Lookup(stores, clock, self._views)

    # Definitions

    async def register(self, workflow: Workflow) -> str:
        """Make a definition what its name stands for; its content hash. Runs keep theirs."""
        return await self._stores.definitions.register(workflow)

    async def register_all(self, workflows: Iterable[Workflow]) -> list[str]:
        """The same for several: their content hashes. All are registered, or none."""
        return await self._stores.definitions.register_all(workflows)

    async def definition(self, workflow: str) -> Workflow:
        """What a name stands for at this moment, or WorkflowNotFound."""
        name = check_dotted_name("a workflow name", workflow)
        return (await self._stores.definitions.latest(name)).workflow

    async def definitions(self) -> list[str]:
        """Names of all registered workflows, sorted."""
        return await self._stores.definitions.names()

    # Runs

    async def status(self, run_id: str, *, children: bool = False) -> RunView:
        """A run and its steps as they are now, or RunNotFound.

        One whose start was accepted and waits for a coordinator is PENDING, and has no steps yet.
        With `children`, the runs that its steps are now are read as well, and theirs.
        """
        try:
            await self._lookup.find(run_id)
        except NotBegun as accepted:
            return accepted.view
        view = await self._views.run(run_id)
        return await with_children(self._views, view) if children else view

    async def list(
        self,
        status: RunStatus | None = None,
        workflow: str | None = None,
        limit: int = 100,
        *,
        children: bool = True,
    ) -> list[RunSummary]:
        """Runs with that status and of that workflow, the newest of the generated ids first.

        Without `children`, those that are no attempts of other runs' steps.
        """
        if workflow is not None:
            check_dotted_name("a workflow name", workflow)
        return await self._views.list(status, workflow, limit, children=children)

    async def history(self, run_id: str) -> History:
        """All events of a run as CloudEvents, oldest first, or RunNotFound."""
        stored = await self._stores.backend.events.history(check_run_id(run_id))
        if not stored:
            await self._lookup.find(run_id)
        return list(events_of(run_id, stored))

    async def watch(self, run_id: str | None = None) -> AsyncGenerator[dict[str, Any], None]:
        """Events as they happen, as CloudEvents.

        Of one run all that happened and will happen, each event once, until its last one. Of all
        runs what happens from now on; what comes faster than it is read may be dropped.

        Raises:
            RunNotFound: no such run exists.
        """
        if run_id is None:
            async for event in watch_all(self._stores.backend):
                yield event
            return
        if not await self._stores.backend.events.history(check_run_id(run_id)):
            await self._lookup.find(run_id)
        async for event in watch_run(self._stores, self._clock, run_id):
            yield event
