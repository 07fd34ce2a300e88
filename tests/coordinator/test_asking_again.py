"""An attempt that is enqueued again, since its coordinator died, asks for its limits again."""

from __future__ import annotations

import pytest
from msgspec import Raw
from msgspec.structs import replace

from flowworker.codec.limits import Waiting
from flowworker.core.attempt import Attempt
from flowworker.core.limit import Holder, Use, named_limit
from flowworker.core.rate import Rate
from flowworker.core.status import Kind, Priority
from flowworker.stores.stores import stores_of
from flowworker.testing import ManualClock
from tests.coordinator.support import parts_of

FIRST = Attempt(Kind.RUN, 1, 1)
RATED, HELD = named_limit("a"), named_limit("b")
OTHER = Holder("other", 1.0, "s", FIRST)


@pytest.fixture
def limits(backend):
    return stores_of(backend).limits


@pytest.fixture
async def slots(backend, limits):
    """Of a coordinator under a rate, and under a limit that somebody else holds."""
    rated, held = (await limits.load(RATED))[0], (await limits.load(HELD))[0]
    await limits.save(replace(rated, rate=Rate(1, 60.0, 2)), 0)
    await limits.save(replace(held, concurrency=1, holders=(OTHER,)), 0)
    slots = parts_of(stores_of(backend), ManualClock()).slots
    yield slots
    await slots.desks.stop()


async def test_a_rate_that_has_let_it_in_is_not_used_twice_while_it_waits_behind_that(
    slots, limits
):
    uses = Use(RATED), Use(HELD)
    entry = Waiting("r1", "s", FIRST, "q", Priority.NORMAL, uses, "id", Raw(b"{}"))
    await slots.take(entry)
    [place] = await limits.waiting()
    assert place.limit == HELD

    for _ in range(3):
        await slots.take(entry, again=True)

    assert await limits.waiting() == [place]
    assert (await limits.load(RATED))[0].passed == 1
