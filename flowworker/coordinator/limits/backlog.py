"""Who waits for limits, listed once per sweep: these move on, and their limits are looked at."""

from __future__ import annotations

__all__ = ["Backlog"]

from collections import Counter
from typing import TYPE_CHECKING

from flowworker.core.limit import OF_RUNS, name_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowworker.clock import Clock
    from flowworker.coordinator.limits.desks import Desks
    from flowworker.core.limit import LimitRecord
    from flowworker.stores.stores import Stores
    from flowworker.telemetry.metrics import Metrics


class Backlog:
    """What the sweeps of one coordinator find."""

    def __init__(
        self, stores: Stores, of_steps: Desks, of_runs: Desks, clock: Clock, metrics: Metrics
    ) -> None:
        """Look at limits at these desks."""
        self._store = stores.limits
        self._steps = stores.backend.steps
        self._of_steps = of_steps
        self._of_runs = of_runs
        self._clock = clock
        self._metrics = metrics
        self._awaited: Counter[str] = Counter()

    async def steps(self) -> dict[str, list[str]]:
        """Steps that something durable moves on: with messages, timers, or a place on a list."""
        found = await self._steps.backlog()
        places = await self._store.everybody()
        self._awaited = Counter(place.limit for place in places)
        for place in places:
            if place.step:
                found.setdefault(place.run, []).append(place.step)
        return found

    async def sweep(self, is_ours: Callable[[str], bool]) -> None:
        """Look after the limits that somebody waited for at the latest look."""
        ours = sorted(filter(is_ours, self._awaited))
        named = {limit: name for limit in ours if (name := name_of(limit))}
        waiting = {name: float(self._awaited[limit]) for limit, name in named.items()}
        runs = [limit for limit in ours if limit.startswith(f"{OF_RUNS}.")]
        await self._of_steps.sweep(limit for limit in ours if limit not in runs)
        await self._of_runs.sweep(runs)
        await self._of_steps.tidy()
        await self._of_runs.tidy()
        self._report(
            waiting, {name: self._of_steps.of(limit).record for limit, name in named.items()}
        )

    def _report(self, waiting: dict[str, float], records: dict[str, LimitRecord]) -> None:
        """Have metrics say how named limits are that somebody waits for."""
        metrics, now = self._metrics, self._clock.now()
        metrics.limits_waiting.replace(waiting)
        metrics.limits_held.replace({name: len(one.holders) for name, one in records.items()})
        rates = {name: one.rate for name, one in records.items()}
        metrics.limits_rate.replace({n: rate.per_second for n, rate in rates.items() if rate})
        opens = {name: one.opens_at(now) for name, one in records.items()}
        metrics.limits_next.replace({name: at for name, at in opens.items() if at})
