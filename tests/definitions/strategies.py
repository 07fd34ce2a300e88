"""Random valid workflows."""

from __future__ import annotations

from hypothesis import strategies as st

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

tokens = st.text("abcXYZ019_-", min_size=1, max_size=8)
names = st.lists(tokens, min_size=1, max_size=3).map(".".join)
durations = st.floats(min_value=0.001, max_value=1e6)
maybe_durations = st.none() | durations
labels = st.text(
    st.characters(codec="utf-8", max_codepoint=0xFFFF, exclude_characters="$"), max_size=20
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(-1e9, 1e9) | labels,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(labels, inner, max_size=3),
    max_leaves=8,
)
# All of them let `templates` be.
schemas = st.fixed_dictionaries(
    {"type": st.just("object")},
    optional={
        "default": json_values,
        "required": st.lists(labels, unique=True),
        "title": labels,
        "properties": st.dictionaries(
            labels, st.booleans() | st.just({"type": "null"}), max_size=2
        ).map(lambda fields: {**fields, "limit": True}),
    },
)


@st.composite
def retry_policies(draw):
    interval = draw(durations)
    backoff = draw(st.sampled_from(Backoff))
    return RetryPolicy(
        max_attempts=draw(st.integers(1, 1000)),
        backoff=backoff,
        interval=interval,
        max_interval=draw(st.none() | st.floats(min_value=interval, max_value=1e6)),
        jitter=draw(st.floats(0, 1)),
        non_retryable=(others := tuple(draw(st.lists(names, unique=True, max_size=3)))),
        on=tuple(
            name for name in draw(st.lists(names, unique=True, max_size=3)) if name not in others
        ),
        factor=draw(st.just(2.0) | st.floats(1.0, 1e300))
        if backoff is Backoff.EXPONENTIAL
        else 2.0,
    )


templates = st.just("${input.limit}")
givens = st.none() | st.dictionaries(labels, json_values, max_size=2)
sagas = st.builds(
    Saga,
    uses=names,
    is_critical=st.booleans(),
    retry=retry_policies(),
    timeout=maybe_durations | templates,
    with_=givens,
)


@st.composite
def workflows(draw):
    """A DAG: each step depends on some of those before it, and then their order is shuffled."""
    ids = draw(st.lists(names, min_size=1, max_size=8, unique=True))
    steps = [
        Step(
            id=step,
            uses=draw(names),
            depends_on=tuple(draw(st.lists(st.sampled_from(ids[:index]), unique=True)))
            if index
            else (),
            queue=draw(tokens),
            timeout=draw(maybe_durations | templates),
            retry=draw(st.just(RetryPolicy()) | retry_policies()),
            fallback=draw(st.none() | st.builds(Fallback, uses=names, with_=givens)),
            escalation=draw(st.none() | st.just(Escalation())),
            saga=draw(st.none() | sagas),
            with_=draw(givens),
            priority=draw(st.none() | st.sampled_from(Priority) | templates),
            trigger_rule=draw(st.sampled_from(TriggerRule)),
            continue_on_error=draw(st.booleans()),
        )
        for index, step in enumerate(ids)
    ]
    return Workflow(
        name=draw(names),
        steps=tuple(draw(st.permutations(steps))),
        version=draw(labels),
        description=draw(labels),
        input_schema=draw(st.none() | schemas),
        timeout=draw(maybe_durations),
        retention=draw(maybe_durations),
        priority=draw(st.sampled_from(Priority)),
        expose_to_ai=draw(st.booleans()),
        output=draw(givens),
    )
