"""Many events of a run that is not held in memory: one rebuild follows all that are there."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from flowworker import parse
from flowworker.codec.messages import FLOW_DELAY, MSG_ID
from flowworker.coordinator.driving.active import ActiveRuns
from flowworker.coordinator.driving.settled import Settled
from flowworker.core.event_types import EventType
from flowworker.core.status import RunStatus
from flowworker.testing import ManualClock
from tests.coordinator.support import coordinated
from tests.support.waiting import eventually

RUN, MANY = "r1", 200


@pytest.fixture
def rebuilt(monkeypatch):
    """The runs that were rebuilt, once for each time."""
    found, right = [], ActiveRuns.rebuild

    async def counted(self, run, **options):
        found.append(run)
        return await right(self, run, **options)

    monkeypatch.setattr(ActiveRuns, "rebuild", counted)
    return found


async def flood(backend):
    """Pauses, each of which is taken back."""
    for _ in range(MANY // 2):
        await backend.commands.send(f"control.pause.{RUN}", b"", {})
        await backend.commands.send(f"control.unpause.{RUN}", b"", {})


async def followed(backend, client, most):
    """Once all were, and what the run is then."""

    async def all_are():
        return len(await backend.events.history(RUN)) >= most and not backend.events.pending(RUN)

    await eventually(all_are)
    return await client.status(RUN)


async def test_of_a_run_that_begins_later(backend, client, rebuilt):
    await client.register(parse("{name: asks, steps: [{id: ok, approval: {}}]}"))
    coordinator = await coordinated(backend)
    await backend.commands.send("start.asks", b"", {MSG_ID: RUN, FLOW_DELAY: "1000s"})

    await flood(backend)
    view = await followed(backend, client, MANY + 1)

    assert (view.status, view.paused) == (RunStatus.PENDING, None)
    assert 1 <= len(rebuilt) < MANY / 4
    await coordinator.stop()


async def test_of_a_run_that_ends_among_them(backend, client, rebuilt):
    await client.register(parse("{name: asks, steps: [{id: ok, approval: {}}]}"))
    coordinator = await coordinated(backend)
    await client.start("asks", run_id=RUN)

    async def waits():
        return (await client.status(RUN)).status is RunStatus.WAITING_HUMAN

    await eventually(waits)
    await coordinator.stop()

    # Given a coordinator that meets all of them when it takes the run over
    coordinator = await coordinated(backend)
    await flood(backend)
    await backend.commands.send(f"control.cancel.{RUN}", b"", {})
    await flood(backend)
    view = await followed(backend, client, MANY)

    assert view.status is RunStatus.CANCELLED
    assert len(rebuilt) < MANY / 4
    await coordinator.stop()


@pytest.mark.parametrize(
    ("kind", "event", "generation", "later", "covered"),
    [
        (EventType.PAUSED, "seen", 1, 4.0, True),
        (EventType.PAUSED, "new", 1, 4.0, False),
        (EventType.PAUSED, "seen", 2, 4.0, False),  # others may have had events meanwhile
        (EventType.PAUSED, "seen", 1, 6.0, False),  # the id may be that of another run
        (EventType.STARTED, "seen", 1, 4.0, False),
    ],
)
async def test_what_needs_no_other_rebuild(kind, event, generation, later, covered):
    clock = ManualClock()
    settled = Settled(clock)
    settled.note(RUN, 1, frozenset({"seen"}))  # type: ignore[arg-type]
    await clock.advance(later)

    cause = SimpleNamespace(event=SimpleNamespace(type=kind, id=event))

    assert settled.covers(RUN, generation, cause) is covered  # type: ignore[arg-type]
    assert not settled.covers("another", generation, cause)  # type: ignore[arg-type]


async def test_few_runs_are_remembered():
    settled = Settled(ManualClock())
    for number in range(20):
        settled.note(f"r{number}", 1, frozenset({"seen"}))  # type: ignore[arg-type]

    cause = SimpleNamespace(event=SimpleNamespace(type=EventType.PAUSED, id="seen"))
    known = [settled.covers(f"r{number}", 1, cause) for number in range(20)]  # type: ignore[arg-type]

    assert known == [False] * 4 + [True] * 16
