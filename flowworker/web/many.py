"""The endpoint that acts on many runs: some in each request, so that none takes long."""

from __future__ import annotations

__all__ = ["MANY", "ActOn", "ActedOn"]

from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from flowworker.acts import Act, Acted
from flowworker.errors import InvalidInput
from flowworker.web.endpoint import Endpoint
from flowworker.web.forms import MAX_CURSOR, MAX_FILTER, RunId
from flowworker.web.roles import Role

if TYPE_CHECKING:
    from flowworker.web.endpoint import Call

MOST = 100
"""Runs that are acted on in one request."""


class ActOn(Struct, frozen=True, forbid_unknown_fields=True):
    """An act, and the runs that it is done to, each once, however often it is asked for.

    Attributes:
        runs: their ids; or
        where: a filter that means them, newest first: those of one page at a time.
        cursor: with `where`: `next` of the answer before; empty for the first page.
        children: with `where`: also runs that are steps of others.
        how: what the act has on one run as well: `{"reason": "sold out"}`; a rerun has no `id`.
        dry_run: only say what would become of each.
    """

    act: Literal[
        "cancel",
        "terminate",
        "pause",
        "unpause",
        "approve",
        "reject",
        "resume",
        "signal",
        "retry",
        "rerun",
    ]
    runs: Annotated[list[RunId], Meta(min_length=1, max_length=MOST)] | None = None
    where: Annotated[str, Meta(min_length=1, max_length=MAX_FILTER)] | None = None
    cursor: Annotated[str, Meta(max_length=MAX_CURSOR)] = ""
    children: bool = False
    how: dict[str, Any] = {}
    dry_run: bool = False


class ActedOn(Struct, frozen=True):
    """What became of each run, in any order.

    Attributes:
        next: the cursor of the next page of what `where` means; null if this is the last one.
    """

    acted: list[Acted]
    next: str | None = None


async def _act_on(call: Call) -> ActedOn:
    form: ActOn = call.body
    client, act = call.fleet.client, _act_of(form, call.caller.name)
    runs, cursor = form.runs, ""
    if (runs is None) is (form.where is None):
        raise InvalidInput("expected either runs or where")
    if runs is None:
        page = await client.find(form.where or "", MOST, form.cursor, children=form.children)
        runs, cursor = [run.id for run in page.runs], page.cursor
    acted = client.act_on(runs, act, dry_run=form.dry_run)
    return ActedOn([one async for one in acted], cursor or None)


def _act_of(form: ActOn, caller: str) -> Act:
    """The act; who answers, or pauses, is who sends it."""
    given = {**form.how, "act": form.act}
    if "actor" in given:
        raise InvalidInput("how.actor: who answers is who sends this; leave it out")
    if form.act in {"approve", "reject", "pause", "unpause"}:
        given["actor"] = caller
    try:
        act: Act = msgspec.convert(given, Act)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"how, for the act {form.act}: {error}") from error
    return act


MANY = (
    Endpoint(
        "POST",
        "/acts",
        "actOnRuns",
        "Do the same to many runs, to each once.",
        _act_on,
        ActedOn,
        body=ActOn,
        role=Role.OPERATOR,
        status=202,
        cost=5.0,
    ),
)
