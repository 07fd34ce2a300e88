"""What is kept: records that change by compare-and-set, and leases that end by themselves."""

from __future__ import annotations

__all__ = ["MOST", "UNREADABLE_LEASE", "Leases", "Records"]

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MOST = 1000
"""Records that are asked for together, at most. A server hands out some more, and not many."""

UNREADABLE_LEASE = 30.0
"""Seconds for which a lease that cannot be read holds at least: as long as handlers' locks do."""


class Records(Protocol):
    """A durable map from keys to bytes with revisions, one key at a time.

    * Every successful write gives the key a revision greater than any that was given before to a
      key of the same run; and so with what is of no run (`codec.keys.run_in`). Those of two runs
      do not compare.
    * Reads ask the leader: they see every write that was acknowledged before they began, unless it
      was deposed and does not know it yet (`core.staleness`). What was decided upon an old answer
      fails when written.
    * Keys are tokens of `[A-Za-z0-9_-]` joined by dots; patterns use `*` and a final `>`.
    """

    async def read(self, key: str) -> tuple[bytes, int] | None:
        """Value and revision, or None."""
        ...

    async def write(self, key: str, value: bytes, revision: int) -> int:
        """Compare-and-set: the new revision.

        Succeeds only if the key is at `revision` (0: does not exist), else raises Conflict. A
        repeated write of the same value over the same revision may raise Conflict too.
        """
        ...

    async def put(self, key: str, value: bytes, *, ttl: int = 0) -> int:
        """Write over any revision: the new one.

        With `ttl` it is gone after so many seconds, or soon after. On payloads only.
        """
        ...

    async def keys(self, pattern: str) -> list[str]:
        """Existing keys that match, in no order."""
        ...

    async def few(self, patterns: Sequence[str], most: int) -> dict[str, tuple[bytes, int]] | None:
        """Value and revision by key of all that match a pattern; None for more than `most`.

        Up to MOST of them, and up to so many patterns. For people: it need not ask the leader, and
        what was written shortly before may be missing.
        """
        ...

    async def purge(self, pattern: str, through: int = 0) -> None:
        """Remove all matching keys and every trace of them; none is fine.

        With `through`, only those whose revision is at most that: what was written since stays.
        """
        ...


class Leases(Protocol):
    """Exclusive holds that end by themselves. Time to live in whole seconds, at least 1.

    * Of all holders at most one has a key at a time, as long as their clocks run equally fast.
    * The token grows with every change of holder: a fencing token.
    * A lease whose stored form cannot be read is named in the log, once. Its holder is not known:
      it is free when it is older than `UNREADABLE_LEASE` and than the time to live asked for.
    """

    async def acquire(self, key: str, holder: str, ttl: int) -> int | None:
        """The token, or None if another holder has it. A holder that has it renews it."""
        ...

    async def renew(self, key: str, holder: str, ttl: int, token: int) -> int | None:
        """The next token, or None if the lease was lost."""
        ...

    async def release(self, key: str, holder: str, token: int) -> None:
        """Give it up; does nothing if it is not held."""
        ...

    async def holders(self, pattern: str) -> dict[str, str]:
        """Holder by key, of all leases that match and hold."""
        ...

    async def remaining(self, key: str) -> float | None:
        """Seconds until it ends unless it is renewed, perhaps a little more; None if it is free."""
        ...

    async def watch(self, key: str, on_free: Callable[[], None]) -> Callable[[], object]:
        """Call soon after the lease was given up; the result ends that when called.

        A notification may be lost, or come for nothing, and the end of a lease sends none: wait
        no longer than `remaining` before the next look.
        """
        ...
