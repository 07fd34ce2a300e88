"""How old an answer may be.

Records are read from their leader. A leader that is cut off from its peers does not know for some
seconds that it was deposed, and shows what was. What is written upon such an answer is refused; but
to do nothing because of it, or to enqueue a step, is no write. So a process that knows of more than
it finds reads again, for as long as the answer may be stale.
"""

from __future__ import annotations

__all__ = ["MAX_STALENESS", "may_be_unseen"]

MAX_STALENESS = 20.0
"""Seconds: nats-server looks every ten whether a leader's peers have answered in the last ten
(`lostQuorumCheck` and `lostQuorumInterval` in its raft.go)."""

_APART = 40.0
"""Seconds by which clocks may differ, and a write come after the time that it states."""


def may_be_unseen(at: float, now: float) -> bool:
    """Whether an answer of now may lack what was written at that time; both in epoch seconds."""
    return now - at < MAX_STALENESS + _APART
