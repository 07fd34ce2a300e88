"""The endpoints of limits: how many steps may be at work at a time, which are, and which wait."""

from __future__ import annotations

__all__ = ["LIMITS", "LimitName"]

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct

from flowworker.client import LimitView, WaiterView
from flowworker.client.limits import page_of
from flowworker.core.limit import LIMIT_NAME, MAX_CONCURRENCY, UNNAMED
from flowworker.core.rate import MAX_BURST, RATE_PATTERN
from flowworker.web.endpoint import Endpoint, Query
from flowworker.web.forms import MAX_CURSOR
from flowworker.web.roles import Role

if TYPE_CHECKING:
    from flowworker.web.endpoint import Call

MOST = 500
"""Limits, or of those who wait, on a page."""

LimitName = Annotated[str, Meta(pattern=f"^({LIMIT_NAME.pattern}|{UNNAMED})$")]
"""Of one with a name, or of one that nobody sets, as lists show it."""

PageSize = Annotated[int, Meta(ge=1, le=MOST)]


class LimitsQuery(Query, frozen=True):
    """Which limits are listed; `cursor` is `next` of the page before."""

    limit: PageSize = 100
    cursor: LimitName | None = None


class WaitersQuery(Query, frozen=True):
    """Which of those who wait are listed; `cursor` is `next` of the page before."""

    limit: PageSize = 100
    cursor: Annotated[str, Meta(max_length=4 * MAX_CURSOR)] = ""


class LimitRow(Struct, frozen=True):
    """A limit in a list.

    Attributes:
        name: as steps say it; of a step's own, `own.` and a digest; of those who wait for their
            turn in a queue, `fair.<priority>-<queue>`.
        concurrency: how many steps may be at work at a time; 0 if that is not set.
        held: how many are.
        waiting: how many wait, those included whose time has not come.
        rate: how often one may begin, such as `100/s`; empty if that is not set. If neither is, all
            wait.
    """

    name: str
    concurrency: int
    held: int
    waiting: int
    rate: str


class LimitPage(Struct, frozen=True):
    """Some limits, those with names first; `next` is the cursor of the next page, or null."""

    limits: list[LimitRow]
    next: str | None = None


class WaiterPage(Struct, frozen=True):
    """Some of those who wait, in the order in which they have come; `next` as of limits."""

    waiting: list[WaiterView]
    next: str | None = None


class SetLimit(Struct, frozen=True, forbid_unknown_fields=True):
    """How many steps with that name in `limits` may be at work at a time, and how often one begins.

    What is null is no limit; one of both has to be there.

    Attributes:
        rate: so many per `s`, `m`, `h` or `d`, as in `100/s`.
        burst: how many of these may begin at once; if null, those of a tenth of a second.
    """

    concurrency: Annotated[int, Meta(ge=1, le=MAX_CONCURRENCY)] | None = None
    rate: Annotated[str, Meta(pattern=RATE_PATTERN)] | None = None
    burst: Annotated[int, Meta(ge=1, le=MAX_BURST)] | None = None


async def _list(call: Call) -> LimitPage:
    query: LimitsQuery = call.query
    page, cursor = await page_of(call.fleet.stores.limits, query.limit, query.cursor or "")
    rows = [LimitRow(one.name, one.concurrency, one.held, one.waiting, one.rate) for one in page]
    return LimitPage(rows, cursor or None)


async def _show(call: Call) -> LimitView:
    return await call.fleet.client.limit(call.path["name"])


async def _waiting(call: Call) -> WaiterPage:
    query: WaitersQuery = call.query
    page = await call.fleet.client.limit_waiting(call.path["name"], query.limit, query.cursor)
    return WaiterPage([*page.waiting], page.cursor or None)


async def _set(call: Call) -> LimitView:
    form: SetLimit = call.body
    name, client = call.path["name"], call.fleet.client
    return await client.set_limit(name, form.concurrency, rate=form.rate or "", burst=form.burst)


async def _delete(call: Call) -> None:
    await call.fleet.client.delete_limit(call.path["name"])


LIMITS = (
    Endpoint(
        "GET",
        "/limits",
        "listLimits",
        "List limits that are set, held or waited for.",
        _list,
        LimitPage,
        LimitsQuery,
        cost=2.0,
    ),
    Endpoint(
        "GET",
        "/limits/{name}",
        "getLimit",
        "A limit, and which steps hold it.",
        _show,
        LimitView,
    ),
    Endpoint(
        "GET",
        "/limits/{name}/waiting",
        "listWaiting",
        "Which steps wait for a limit; none is no error.",
        _waiting,
        WaiterPage,
        WaitersQuery,
        cost=2.0,
    ),
    Endpoint(
        "PUT",
        "/limits/{name}",
        "setLimit",
        "Say how many steps may be at work at a time and how often one begins, or change that.",
        _set,
        LimitView,
        body=SetLimit,
        role=Role.OPERATOR,
    ),
    Endpoint(
        "DELETE",
        "/limits/{name}",
        "deleteLimit",
        "Have nothing say how many: steps that fall under it wait until it is set again.",
        _delete,
        None,
        role=Role.OPERATOR,
        status=204,
    ),
)
