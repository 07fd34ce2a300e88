"""What happens while it is recorded of schedules, as in `scenarios.py`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from msgspec.structs import replace

from flowworker import ScheduleView, parse, wiring
from flowworker.core.occurrence import OccurrenceState
from flowworker.core.schedule import Overlap
from flowworker.errors import Conflict
from flowworker.stores.schedules import ScheduleStore
from tests.recorded.fleet import SETTINGS
from tests.recorded.stage import Stage
from tests.support.waiting import eventually

NAP, LONG_NAP = "timed.nap", "timed.long"
_TWO_DAYS = 2 * 86_400.0


async def scheduled(stage: Stage) -> None:
    """All that a schedule can say, all that can be done to it, and all that comes of its times."""
    await asyncio.gather(
        _acted_upon(stage), _stopping(stage), _failing(stage), _late(stage), _ending(stage)
    )


async def _acted_upon(stage: Stage) -> None:
    client, one = stage.client, "scheduled-1"
    for overlap in (Overlap.BUFFER_ALL, Overlap.BUFFER_ONE, Overlap.ALLOW_ALL, Overlap.SKIP):
        await client.create_schedule(
            one,
            NAP,
            {"order": 7, "at": "${schedule.time}"},
            replace=True,
            cron="0 0 1 1 *",
            timezone="Europe/Berlin",
            start_at="2026-01-01T00:00:00Z",
            end_at="2100-01-01T00:00:00Z",
            jitter="1m",
            overlap=overlap,
            catchup_window="1h",
            pause_on_failure=True,
            max_runs=100,
            priority="high",
            labels={"of": "${schedule.id}"},
        )
    await client.pause_schedule(one, "not now")
    assert (await client.trigger_schedule(one)).state is OccurrenceState.RUNNING
    assert (await client.trigger_schedule(one)).state is OccurrenceState.SKIPPED
    await client.unpause_schedule(one)
    years = ("2026-12-31T00:00:00Z", "2028-01-02T00:00:00Z")
    runs = await client.backfill_schedule(one, *years, overlap="buffer_all")
    await _until(stage, one, lambda view: view.recent[0].run == runs[-1])
    await client.delete_schedule(one)


_SELDOM = "{name: seldom, rate_limit: {limit: 1, period: 1d}, steps: [{id: only, uses: say}]}"


async def _stopping(stage: Stage) -> None:
    for one, overlap in (("scheduled-2", "cancel_other"), ("scheduled-3", "terminate_other")):
        await stage.client.create_schedule(one, LONG_NAP, every="1h", overlap=overlap)
        await stage.client.pause_schedule(one)
        await stage.client.trigger_schedule(one)
        last = (await stage.client.trigger_schedule(one)).run
        await _until(stage, one, partial(_has_begun, last))
        await stage.client.cancel(last)
        await _until(stage, one, lambda view: len(view.recent) == 2)


def _has_begun(run: str, view: ScheduleView) -> bool:
    return any((one.run, one.state) == (run, OccurrenceState.RUNNING) for one in view.running)


async def _failing(stage: Stage) -> None:
    """One whose run fails, and one whose run is rejected, since another one has begun."""
    await stage.client.register(parse(_SELDOM))
    await stage.client.start("seldom", run_id="scheduled-9")
    await stage.result("scheduled-9")
    for one, workflow in (("scheduled-4", "timed.end"), ("scheduled-5", "seldom")):
        await stage.client.create_schedule(one, workflow, every="1h", pause_on_failure=True)
        await stage.client.trigger_schedule(one)
        await _until(stage, one, lambda view: view.state == "PAUSED")


async def _ending(stage: Stage) -> None:
    one = "scheduled-8"
    await stage.client.create_schedule(one, NAP, every="1s", max_runs=1)
    await _until(stage, one, lambda view: view.state == "ENDED" and not view.running)


async def _late(stage: Stage) -> None:
    """One whose times of two days nobody has seen: one is too old, and one begins late."""
    one = "scheduled-6"
    await stage.client.create_schedule(one, NAP, every="24h", overlap="buffer_one")
    async with wiring.nats(stage.url, settings=SETTINGS) as backend:
        store = ScheduleStore(backend.runs)

        async def put_back() -> bool:
            found = await store.load(one)
            assert found is not None
            with suppress(Conflict):  # a coordinator has not done with its creation
                await store.save(replace(found[0], passed=found[0].passed - _TWO_DAYS), found[1])
                return True
            return False

        await eventually(put_back)
    await stage.client.trigger_schedule(one)
    await _until(stage, one, lambda view: view.started > 0 and not view.running)
    text = (
        "{name: daily, steps: [{id: only, uses: say}], schedules: [{id: scheduled-7, every: 1d}]}"
    )
    await stage.client.register(parse(text))
    await eventually(lambda: stage.client.schedules("daily"), pause=0.1)


async def _until(stage: Stage, one: str, condition: Callable[[ScheduleView], bool]) -> None:
    async def holds() -> bool:
        return condition(await stage.client.schedule(one))

    await eventually(holds, pause=0.1)
