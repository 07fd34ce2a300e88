"""The core in a world where everything goes wrong: what must always hold, always holds.

`World` checks the invariants at every write, `Chaos` compares what coordinators believe with what
the records say, `History` reads what was told. A campaign:

    FLOWWORKER_EXAMPLES=100000 python -m pytest tests/core/test_world.py --timeout=0
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowworker.core import facts
from flowworker.core.decide import decide
from tests.core.chaos import Chaos, Faults
from tests.core.history import History

pytestmark = pytest.mark.slow

EXAMPLES = int(os.environ.get("FLOWWORKER_EXAMPLES", "250"))
campaign = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)

seeds = st.integers(0, 2**64 - 1)
sizes = st.sampled_from([1, 2, 2, 3, 3, 4, 5, 8, 12])
lengths = st.integers(0, 600)
failing = st.sampled_from([0.0, 0.3, 0.5])


def likely(chance: float) -> st.SearchStrategy[float]:
    return st.sampled_from([0.0, chance, chance * 3])


faults = st.builds(
    Faults,
    crash=likely(0.02),
    outdated=likely(0.05),
    redeliver=likely(0.05),
    lose=likely(0.01),
    wait=likely(0.1),
    interfere=likely(0.03),
    failing=failing,
)


@campaign
@given(seeds, sizes, lengths, faults)
def test_every_run_comes_to_its_end_and_nothing_is_done_twice(seed, size, length, faults):
    chaos = Chaos(seed, size, faults)
    for _ in range(length):
        chaos.act()

    chaos.calm_down()

    History(chaos.world).check(calm=False)


@campaign
@given(seeds, sizes, lengths, failing, likely(0.01))
def test_while_nothing_goes_wrong_nothing_needs_to_be_healed(
    seed, size, length, failing, interfere
):
    chaos = Chaos(seed, size, Faults(wait=0.02, interfere=interfere, failing=failing))
    for _ in range(length):
        chaos.act()

    chaos.calm_down(sweeping=False)

    History(chaos.world).check(calm=True)


@campaign
@given(seeds, sizes, st.integers(0, 200), failing)
def test_what_was_handled_changes_nothing_when_it_comes_again(seed, size, length, failing):
    chaos = Chaos(seed, size, Faults(interfere=0.01, failing=failing))
    (coordinator, _) = chaos.coordinators
    for _ in range(length):
        chaos.act()
        if coordinator.state is None:
            continue
        waiting = [coordinator.handling, *(event for event, _ in coordinator.mailbox)]
        for event in chaos.delivered:
            if isinstance(event, facts.HumanDecided) or any(event is other for other in waiting):
                continue  # an answer that nobody waited for may be welcome later
            state, effects = decide(chaos.world.plan, coordinator.state, event, chaos.world.now)
            assert state is coordinator.state
            assert effects == ()
