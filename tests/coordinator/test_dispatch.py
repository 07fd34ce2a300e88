"""Step messages fit, however much a step depends on."""

from __future__ import annotations

import pytest

from flowworker.codec.json import encode
from flowworker.codec.messages import StepInput
from flowworker.coordinator.dispatch import size_in_message
from flowworker.core.payload import Stored, inline


@pytest.mark.parametrize("count", [0, 1, 100, 10_000])
@pytest.mark.parametrize(
    "payload",
    [
        inline(b"1"),
        inline(b'"' + 500 * b"x" + b'"'),
        Stored("r" * 128 + ".output.s", 2**40, "f" * 64),
    ],
)
def test_what_is_counted_is_no_less_than_what_is_sent(count, payload):
    outputs = tuple((f"step-{number}", payload) for number in range(count))
    merged = StepInput(payload, outputs)

    counted = sum(size_in_message(step, one) for step, one in outputs)

    assert len(encode(merged)) <= counted + size_in_message("", payload)
