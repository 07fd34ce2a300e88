"""What goes in and what comes out, beside the client's own views."""

from __future__ import annotations

__all__ = [
    "MAX_CURSOR",
    "MAX_FILTER",
    "CoordinatorList",
    "FindingList",
    "History",
    "ListQuery",
    "OutputQuery",
    "Pauses",
    "Queue",
    "RunPage",
    "RunQuery",
    "VersionList",
    "VersionView",
    "WhyQuery",
    "WorkerList",
    "WorkflowList",
    "WorkflowView",
]

from typing import Annotated, Any

from msgspec import Meta, Struct

from flowworker.client import CoordinatorView, PauseView, RunSummary, WorkerView
from flowworker.core.ids import DOTTED_NAME, MAX_NAME, RUN_ID, TOKEN
from flowworker.core.status import RunStatus  # noqa: TC001
from flowworker.ports import Finding
from flowworker.web.endpoint import Query

MOST = 500
"""Runs on a page."""

MAX_FILTER = 4_096
MAX_CURSOR = 256

Name = Annotated[str, Meta(pattern=f"^{DOTTED_NAME.pattern}$", max_length=MAX_NAME)]
RunId = Annotated[str, Meta(pattern=f"^{RUN_ID.pattern}$")]
Queue = Annotated[str, Meta(pattern=f"^{TOKEN.pattern}$")]


class ListQuery(Query, frozen=True):
    """Which runs are listed.

    Attributes:
        where: a filter, such as `state=failed started>-2h`; what else is given has to hold, too.
        cursor: `next` of the page before; none for the first one.
    """

    where: Annotated[str, Meta(max_length=MAX_FILTER)] = ""
    status: RunStatus | None = None
    workflow: Name | None = None
    children: bool = True
    limit: Annotated[int, Meta(ge=1, le=MOST)] = 100
    cursor: Annotated[str, Meta(max_length=MAX_CURSOR)] = ""

    @property
    def wanted(self) -> str:
        """All that has to hold, in one text."""
        status = self.status and f"state={self.status}"
        workflow = self.workflow and f'workflow="{self.workflow}"'
        return " ".join(filter(None, (self.where, status, workflow)))


class RunQuery(Query, frozen=True):
    """What of a run is read beside its steps.

    Attributes:
        children: the runs that its steps are.
        values: inputs and outputs that are small.
    """

    children: bool = False
    values: bool = False


class WhyQuery(Query, frozen=True):
    """Of what it is asked why it does not move.

    Attributes:
        step: only this one: `charge`, or `resize[3]`; empty for all that are not over.
        children: of the runs that its steps are as well.
    """

    step: str = ""
    children: bool = False


class OutputQuery(Query, frozen=True):
    """Which output of a step: that of an iteration, of one that is repeated; 0 for its own."""

    iteration: Annotated[int, Meta(ge=0, le=2**31)] = 0


class RunPage(Struct, frozen=True):
    """Some runs, newest first: fewer than asked for if very many had to be looked at for them.

    Attributes:
        next: the cursor of the next page; null if this is the last one.
    """

    runs: list[RunSummary]
    next: str | None = None


class History(Struct, frozen=True):
    """The events of a run, oldest first, as CloudEvents 1.0."""

    events: list[dict[str, Any]]


class WorkerList(Struct, frozen=True):
    """The workers that are there, by id."""

    workers: list[WorkerView]


class CoordinatorList(Struct, frozen=True):
    """The coordinators that are there, by id."""

    coordinators: list[CoordinatorView]


class FindingList(Struct, frozen=True):
    """What the doctor finds, and whether all of it is well."""

    ok: bool
    findings: list[Finding]


class Pauses(Struct, frozen=True):
    """What pauses besides runs, by name."""

    queues: dict[str, PauseView]
    workflows: dict[str, PauseView]


class WorkflowList(Struct, frozen=True):
    """Names of what is registered, sorted."""

    workflows: list[str]


class WorkflowView(Struct, frozen=True):
    """What a name stands for, or what a run is pinned to.

    Attributes:
        version: the author's label.
        hash: of the content: what runs are pinned to.
        definition: in the form of a file, defaults left out.
    """

    name: str
    version: str
    hash: str
    input_schema: dict[str, Any] | bool | None
    definition: dict[str, Any]


class VersionView(Struct, frozen=True):
    """One definition that had the name at some time, or has it.

    Attributes:
        latest: it is what the name stands for now.
        steps: how many it has.
    """

    name: str
    version: str
    hash: str
    latest: bool
    steps: int


class VersionList(Struct, frozen=True):
    """All definitions that were registered under a name, the latest first, then by hash."""

    versions: list[VersionView]
