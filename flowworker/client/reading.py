"""What a client reads: definitions, runs, and what happens to them."""

from __future__ import annotations

__all__ = ["Reading"]

from typing import TYPE_CHECKING, Any, TypeAlias

from flowworker.client import members
from flowworker.client.accepted import NotBegun
from flowworker.client.children import with_children
from flowworker.client.finding import LOOKS, Finding
from flowworker.client.lookup import Lookup
from flowworker.client.results import hidden_result
from flowworker.client.schedules import find_schedule, schedule_view, views_of
from flowworker.client.starting import check_dotted_name, check_run_id
from flowworker.client.views import Views
from flowworker.client.watching import events_of, watch_all, watch_run
from flowworker.client.why import Why, with_reasons
from flowworker.core.ids import step_of
from flowworker.core.status import TERMINAL
from flowworker.errors import InvalidInput
from flowworker.filters import EVERYTHING, parse_filter

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from flowworker.client.finding import RunPage
    from flowworker.client.hiding import RunHider
    from flowworker.client.members import CoordinatorView, WorkerView
    from flowworker.client.results import RunResult
    from flowworker.client.schedules import ScheduleView
    from flowworker.client.steps import StepView
    from flowworker.client.summaries import RunSummary
    from flowworker.client.views import RunView
    from flowworker.clock import Clock
    from flowworker.core.model import Workflow
    from flowworker.core.status import RunStatus
    from flowworker.diagnosis import Diagnosis
    from flowworker.filters import Filter
    from flowworker.stores.stores import Stores

History = list[dict[str, Any]]
Workers: TypeAlias = "list[WorkerView]"
Schedules: TypeAlias = "list[ScheduleView]"
Coordinators: TypeAlias = "list[CoordinatorView]"


class Reading:
    """The part of `Client` that sends no commands."""

    def __init__(self, stores: Stores, clock: Clock) -> None:
        """Read what that backend keeps."""
        self._stores = stores
        self._clock = clock
        self._views = Views(stores, clock)
        self._finding = Finding(stores, clock)
        self._lookup = Lookup(stores, clock, self._views)
        self._why = Why(stores, clock)

    # Definitions

    async def definition(self, workflow: str) -> Workflow:
        """What a name stands for at this moment, or WorkflowNotFound."""
        name = check_dotted_name("a workflow name", workflow)
        return (await self._stores.definitions.latest(name)).workflow

    async def definitions(self) -> list[str]:
        """Names of all registered workflows, sorted."""
        return await self._stores.definitions.names()

    # Processes

    async def workers(self) -> Workers:
        """The workers that are there, by id. One that was killed is for up to half a minute."""
        return await members.workers(self._stores.backend.presences, self._stores.pauses)

    async def coordinators(self) -> Coordinators:
        """The coordinators that are there, by id, in the same way."""
        return await members.coordinators(self._stores.backend.presences)

    # Schedules

    async def schedules(self, workflow: str | None = None) -> Schedules:
        """All schedules, by id, or those of one workflow. Each is read: it takes as many reads."""
        return await views_of(self._stores.schedules, workflow)

    async def schedule(self, schedule_id: str) -> ScheduleView:
        """A schedule, when it comes next, and what came of its last times; or NotFound."""
        return schedule_view(await find_schedule(self._stores.schedules, schedule_id))

    # Runs

    async def status(
        self,
        run_id: str,
        *,
        children: bool = False,
        values: bool = False,
        reveal: bool = False,
        why: bool = False,
    ) -> RunView:
        """A run and its steps as they are now, or RunNotFound.

        One whose start was accepted and waits for a coordinator is PENDING, and has no steps yet.

        Args:
            run_id: which run.
            children: read the runs that its steps are now as well, and theirs.
            values: show inputs and outputs, as far as they are small. What a step without `with` is
                given is not shown: it is made of the others.
            reveal: show secrets as well, here and below: in their place stands a mark otherwise.
            why: say as well what each step that is not over waits for, as `why` does.
        """
        try:
            await self._lookup.find(run_id)
        except NotBegun as accepted:
            return accepted.view
        how = {"values": values, "reveal": reveal}
        view = await self._views.run(run_id, **how)
        if children:
            view = await with_children(self._views, view, **how)
        if why and view.status not in TERMINAL:
            view = with_reasons(view, await self._why.of(run_id, children=children))
        return view

    async def why(self, run_id: str, step: str = "", *, children: bool = False) -> Diagnosis:
        """What each step of a run that is not over waits for; of a run that has ended, nothing.

        Nothing is changed, and nothing is sent but requests to read: for the records as many as
        `status` needs, and besides two for each process that is there, and up to three for each
        step that no worker has claimed, of 50 at most.

        Args:
            run_id: which run.
            step: only that one, or an instance of a loop: `resize[3]`.
            children: say the same of the runs that its steps are now.

        Raises:
            RunNotFound: no such run exists.
            InvalidInput: it has no such step.
            CorruptRecord: the run's own record cannot be read.
        """
        try:
            await self._lookup.find(run_id)
        except NotBegun as accepted:
            return await self._why.of_accepted(accepted.view)
        return await self._why.of(run_id, step_of(step), children=children)

    async def step(self, run_id: str, step: str, *, reveal: bool = False) -> StepView:
        """One step of a run, with what it is given, has put out, and all its attempts.

        Args:
            run_id: which run; of a step of a child, the child's id.
            step: which step, or instance of a loop: `resize[3]`.
            reveal: show secrets as well.

        Raises:
            RunNotFound: no such run exists.
            InvalidInput: it has no such step, or its definition cannot be read.
        """
        await self._lookup.find(run_id)
        return await self._views.step(run_id, step_of(step), reveal=reveal)

    async def input_of(self, run_id: str, step: str = "", *, reveal: bool = False) -> bytes:
        """What a run was started with, or the latest attempt of a step is given, as JSON.

        Its size does not matter. What a step is given is evaluated again, of what is recorded. That
        of a loop are its items, and that of a step which is a run the input of that. Secrets are
        hidden without `reveal`.

        Raises:
            RunNotFound: no such run exists.
            InvalidInput: it has no such step, or the step has not begun, or is given nothing.
            ExpressionError: what it is given cannot be evaluated.
            PayloadKeyMissing: it is sealed with a key that is not here.
        """
        await self._lookup.find(run_id)
        return await self._views.input_of(run_id, step_of(step), reveal=reveal)

    async def output_of(
        self, run_id: str, step: str, *, iteration: int = 0, reveal: bool = False
    ) -> bytes:
        """What a step of a run has put out, as JSON; its size does not matter.

        With `iteration`, what that one of a step that is repeated has, as long as the run's history
        is kept. What a run results in is `result`. Secrets are hidden without `reveal`.

        Raises:
            RunNotFound: no such run exists.
            InvalidInput: it has no such step, or that has put out nothing.
            PayloadKeyMissing: it is sealed with a key that is not here.
        """
        await self._lookup.find(run_id)
        return await self._views.output_of(run_id, step_of(step), iteration, reveal=reveal)

    async def list(
        self,
        status: RunStatus | None = None,
        workflow: str | None = None,
        limit: int = 100,
        *,
        children: bool = True,
    ) -> list[RunSummary]:
        """Runs with that status and of that workflow, newest first: by when they were created.

        Without `children`, those that are no attempts of other runs' steps.
        """
        wanted = EVERYTHING if status is None else EVERYTHING.and_("state", status)
        if workflow is not None:
            wanted = wanted.and_("workflow", check_dotted_name("a workflow name", workflow))
        page = await self._finding.page(wanted, limit, children=children)
        return [*page.runs]

    async def find(
        self, where: str | Filter = "", limit: int = 50, cursor: str = "", *, children: bool = True
    ) -> RunPage:
        """A page of the runs that a filter means, newest first: by when they were created.

        What the index knows, states, the workflow and when runs were started, costs the same for
        any number of runs. For the rest the records of those that remain are read, `LOOKS` of them
        for a page at most: it may have fewer runs than asked for, and yet a cursor.

        A run that changes its state meanwhile keeps its place: none comes twice.

        Args:
            where: such as `state=failed workflow=orders started>-2h`; empty for all.
            limit: at most so many.
            cursor: of the page before; empty for the first.
            children: also runs that are attempts of other runs' steps.

        Raises:
            InvalidInput: the filter says at which column what is wrong; the cursor is none.
        """
        if limit < 1:
            raise InvalidInput(f"limit must be at least 1, found {limit}")
        wanted = parse_filter(where, self._clock.now()) if isinstance(where, str) else where
        return await self._finding.page(wanted, limit, cursor, children=children)

    async def run_ids(
        self, where: str | Filter = "", *, children: bool = False
    ) -> AsyncGenerator[str]:
        """Ids of all runs that a filter means, newest first, page by page as they are asked for.

        They can be acted on as they come, also if they are not like the filter any more then:
        `client.act_on(client.run_ids("state=failed started>-2h"), Retry(), rate=5)`. Runs that
        begin meanwhile are not among them.

        Args:
            where: as for `find`.
            children: also runs that are attempts of other runs' steps.
        """
        cursor = ""
        wanted = parse_filter(where, self._clock.now()) if isinstance(where, str) else where
        while True:
            page = await self.find(wanted, LOOKS, cursor, children=children)
            for run in page.runs:
                yield run.id
            if not page.cursor:
                return
            cursor = page.cursor

    async def history(self, run_id: str, *, reveal: bool = False) -> History:
        """All events of a run as CloudEvents, oldest first, or RunNotFound.

        Secrets are hidden without `reveal`. Most are in no event at all: it refers to payloads that
        have some.
        """
        stored = await self._stores.backend.events.history(check_run_id(run_id))
        if not stored:
            await self._lookup.find(run_id)
        events = events_of(run_id, stored)
        return list(events if reveal else map((await self._views.hider(run_id)).event, events))

    async def redacted(self, result: RunResult) -> RunResult:
        """A result as people may see it: `result` returns it with its secrets."""
        return hidden_result(result, await self._views.hider(result.id))

    async def watch(
        self, run_id: str | None = None, *, reveal: bool = False
    ) -> AsyncGenerator[dict[str, Any], None]:
        """Events as they happen, as CloudEvents; their secrets are hidden without `reveal`.

        Of one run all that happened and will happen, each event once, until its last one. Of all
        runs what happens from now on; what comes faster than it is read may be dropped.

        Raises:
            RunNotFound: no such run exists.
        """
        if run_id is None:
            hider = self._views.unknown
            async for event in watch_all(self._stores.backend):
                yield event if reveal else hider.event(event)
            return
        if not await self._stores.backend.events.history(check_run_id(run_id)):
            await self._lookup.find(run_id)
        known: RunHider | None = None
        async for event in watch_run(self._stores, self._clock, run_id):
            known = known or await self._views.hider(run_id)  # now that there is a run
            yield event if reveal else known.event(event)
