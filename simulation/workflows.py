"""Random workflows: DAGs whose steps have random failure policies."""

from __future__ import annotations

__all__ = ["any_workflow"]

from random import Random
from typing import TypeVar

from msgspec.structs import replace

from flowworker.core.model import (
    Backoff,
    Escalation,
    Fallback,
    RetryPolicy,
    Saga,
    Step,
    TriggerRule,
    Workflow,
)
from flowworker.core.status import Priority
from simulation.focus import ANYTHING, Focus

T = TypeVar("T")

MOST_STEPS = 8
_PAIRS = 0.15
_WIDEST = 6
_CLOSING = 0.2


def any_workflow(random: Random, name: str, focus: Focus = ANYTHING) -> Workflow:
    """A workflow of up to eight steps, or of some pairs side by side; or as the focus has it."""
    if focus.backlog:
        return Workflow(name, (Step("s0", "work"),), priority=random.choice(list(Priority)))
    shape = focus.shape or ("pairs" if random.random() < _PAIRS else "graph")
    match shape:
        case "pairs":
            steps = _any_pairs(random)
        case "questions":
            steps = [Step(f"s{n}", "work", escalation=Escalation()) for n in range(MOST_STEPS)]
        case _:
            steps = _any_graph(random, shape)
    # Drawn of its own, so that the rest of the world does not depend on it
    own = Random(f"conditions of {name}: {steps}")
    return Workflow(
        name,
        tuple(_conditioned(own, step) for step in steps),
        finally_=tuple(_any_closing(own)) if own.random() < _CLOSING else (),
        timeout=_sometimes(random, 0.2, random.uniform(5.0, 60.0)),
        priority=random.choice(list(Priority)),
    )


def _conditioned(random: Random, step: Step) -> Step:
    """The same with a rule, or a failure that the run passes over."""
    return replace(
        step,
        trigger_rule=_sometimes(random, 0.15, random.choice(list(TriggerRule)))
        or TriggerRule.ALL_SUCCESS,
        continue_on_error=random.random() < 0.2,  # noqa: PLR2004
    )


def _any_closing(random: Random) -> list[Step]:
    return [
        Step(f"f{number}", "work", ("f0",) * (number > 1), retry=_any_retry(random))
        for number in range(random.randint(1, 3))
    ]


def _any_pairs(random: Random) -> list[Step]:
    """Pairs: what comes first ends at about the same time, and is followed by as much."""
    retry, saga = _any_retry(random), _sometimes(random, 0.5, _any_saga(random))
    return [
        Step(f"{at}.{n}", "work", (f"first.{n}",) * (at == "then"), retry=retry, saga=saga)
        for n in range(random.randint(3, _WIDEST))
        for at in ("first", "then")
    ]


def _any_graph(random: Random, shape: str) -> list[Step]:
    size = MOST_STEPS if shape == "chain" else random.randint(1, MOST_STEPS)
    density = random.random() * 2
    steps: list[Step] = []
    for number in range(size):
        before = [step.id for step in steps]
        chosen = tuple(step for step in before if random.random() < density / (number or 1))
        if shape == "chain":
            chosen = tuple(before[-1:])
        steps.append(_any_step(random, f"s{number}", chosen))
    return steps


def _any_step(random: Random, step: str, depends_on: tuple[str, ...]) -> Step:
    return Step(
        step,
        "rare" if random.random() < 0.01 else "work",  # noqa: PLR2004
        depends_on,
        timeout=_sometimes(random, 0.2, random.uniform(1.0, 10.0)),
        retry=_any_retry(random),
        fallback=_sometimes(random, 0.2, Fallback("fallback")),
        escalation=_sometimes(random, 0.2, Escalation()),
        saga=_sometimes(random, 0.5, _any_saga(random)),
    )


def _any_saga(random: Random) -> Saga:
    timeout = _sometimes(random, 0.2, random.uniform(1.0, 10.0))
    return Saga("undo", random.random() < 0.5, _any_retry(random), timeout)  # noqa: PLR2004


def _any_retry(random: Random) -> RetryPolicy:
    return RetryPolicy(
        max_attempts=random.choice((1, 1, 2, 3)),
        backoff=random.choice(list(Backoff)),
        interval=random.choice((0.01, 0.1, 0.8, 4.0)),
        max_interval=_sometimes(random, 0.3, 5.0),
        jitter=random.choice((0.0, 0.5)),
        non_retryable=random.choice(((), ("Refused",))),
    )


def _sometimes(random: Random, rate: float, value: T) -> T | None:
    return value if random.random() < rate else None
