"""The end of the way forward: every step is resolved, and the run results in something."""

from __future__ import annotations

__all__ = ["conclude", "concluded"]

from typing import TYPE_CHECKING

from flowworker.core.effects import Conclude
from flowworker.core.ending import end
from flowworker.core.status import TERMINAL, RunStatus
from flowworker.core.stopping import fail_output

if TYPE_CHECKING:
    from flowworker.core.draft import Draft
    from flowworker.core.facts import Concluded


def conclude(draft: Draft) -> None:
    """End, or ask first what the run results in, if its workflow says how to find out."""
    if draft.state.status in TERMINAL or Conclude() in draft.rest:
        return
    if draft.plan.workflow.output is None:
        end(draft, RunStatus.COMPLETED)
    else:
        draft.rest.append(Conclude())


def concluded(draft: Draft, fact: Concluded) -> None:
    """End with that. A run that has no result although it should have one fails."""
    record = draft.state.record
    if record.stop is not None or record.ending is not None or draft.state.unresolved:
        return
    if fact.error is None:
        end(draft, RunStatus.COMPLETED, output=fact.output)
    else:
        fail_output(draft, fact.error)
