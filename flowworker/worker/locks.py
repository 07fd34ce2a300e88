"""Locks for handlers: the owner is the run.

Steps of one run that run in parallel share its locks; of all runs at most one has a lock. Why that
is safe, and why it makes progress, says `stores.locking`.
"""

from __future__ import annotations

__all__ = ["StepLock", "lock_key"]

from flowworker.stores.locking import Lock, lock_key


class StepLock(Lock):
    """`async with ctx.lock(...)`; in a plain function `ctx.run(lock.acquire())`, then `release`."""
