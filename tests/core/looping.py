"""Runs with loops: words for their scenarios."""

from __future__ import annotations

from typing import Self

from msgspec.structs import replace

from flowworker.core import facts
from flowworker.core.effects import Expand, Gather
from flowworker.core.for_each import ForEach
from flowworker.core.model import Step
from flowworker.core.payload import inline
from flowworker.core.records import ErrorInfo
from flowworker.core.state import RunState
from flowworker.core.status import Outcome, StepStatus
from tests.core.dsl import Run, out, step

ITEMS = inline(b"[]")


def loop(
    id_: str,
    *after: str,
    most: int | None = None,
    tolerated: int | str = 0,
    go_on: bool = False,
    when: str | None = None,
    **policy: object,
) -> Step:
    """A loop, and the policy of its instances."""
    each = ForEach("input.all", max_parallel=most, tolerated_failures=tolerated)
    defined = step(id_, *after, **policy)  # type: ignore[arg-type]
    return replace(defined, for_each=each, continue_on_error=go_on, when=when)


class Looping(Run):
    """A run with a loop `l`."""

    def expands(self, count: int, id_: str = "l") -> Self:
        """The coordinator writes what the items are."""
        revision = self.write(id_, Outcome.RUNNING, items=ITEMS, count=count)
        self.happens(facts.Expanded(id_, ITEMS, count, revision))
        return self

    def gathers(self, id_: str = "l") -> Self:
        """The coordinator writes what the loop came to."""
        record, _ = self.records[id_]
        kept = {"items": record.items, "count": record.count}
        attempt = self.state.steps[id_].attempt
        if self.state.loops[id_].is_lost:
            error = ErrorInfo("TooManyFailures", "some", retryable=False)
            revision = self.write(id_, Outcome.FAILED, error=error, **kept)
            self.happens(facts.AttemptFailed(id_, attempt, error, revision, self.now))
        else:
            revision = self.write(id_, Outcome.COMPLETED, output=out("all"), **kept)
            self.happens(facts.StepCompleted(id_, attempt, out("all"), revision))
        return self

    @property
    def wants_items(self) -> bool:
        return any(isinstance(effect, Expand) for effect in self.effects)

    @property
    def wants_outputs(self) -> bool:
        return any(isinstance(effect, Gather) for effect in self.effects)


def known(state: RunState) -> RunState:
    """What of a state does not depend on how it came about: a fence here keeps no error."""
    cancelled = {
        id_: replace(at, error=None)
        for id_, at in state.steps.items()
        if at.status is StepStatus.CANCELLED
    }
    loops = state.loops.update({id_: replace(one, next=0) for id_, one in state.loops.items()})
    return replace(state, loops=loops, steps=state.steps.update(cancelled))
