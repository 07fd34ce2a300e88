"""Definitions as a user's type checker sees them: read from texts and files, or built in Python."""

from __future__ import annotations

from pathlib import Path
from typing import assert_type

from flowworker import (
    Backoff,
    Escalation,
    EscalationStrategy,
    Fallback,
    Parser,
    Priority,
    Registry,
    RetryPolicy,
    Saga,
    Step,
    Workflow,
    WorkflowBuilder,
    load_paths,
    parse,
)

CHARGE = Step(
    "charge",
    uses="payments.charge",
    depends_on=("reserve",),
    timeout=30,
    retry=RetryPolicy(max_attempts=5, backoff=Backoff.EXPONENTIAL, non_retryable=("CardDeclined",)),
    fallback=Fallback("payments.charge_backup"),
    escalation=Escalation(EscalationStrategy.WAIT_HUMAN),
    saga=Saga("payments.refund", is_critical=True),
)
ORDER = Workflow("order.fulfil", (CHARGE,), version="v1", priority=Priority.LOW)

assert_type(CHARGE.retry, RetryPolicy | tuple[RetryPolicy, ...])
assert_type(CHARGE.saga, Saga | None)
assert_type(ORDER.steps, tuple[Step, ...])

Step(uses="payments.charge")  # type: ignore[call-arg]
Step("rules", retry=(RetryPolicy(2, on=("Timeout",)), RetryPolicy(3, factor=1.5)))
Step("charge", uses="payments.charge", retry=3)  # type: ignore[arg-type]
RetryPolicy(attempts=5)  # type: ignore[call-arg]
CHARGE.uses = "payments.other"  # type: ignore[misc]


def read(text: str) -> None:
    assert_type(parse(text), Workflow)
    assert_type(parse(text.encode(), source="order.yaml"), Workflow)
    assert_type(load_paths("workflows"), list[tuple[Path, Workflow]])
    assert_type(load_paths([Path("workflows")], known_handlers={"ok"}), list[tuple[Path, Workflow]])
    assert_type(Parser().parse(text), Workflow)
    Parser().validate(ORDER)
    parse(Path("order.yaml"))  # type: ignore[arg-type]


def known(registry: Registry) -> None:
    registry.register(ORDER)
    assert_type(registry.get("order.fulfil"), Workflow)
    assert_type(registry.list(), list[Workflow])


def build(flow: WorkflowBuilder) -> None:
    charge = flow.step("payments.charge", id="charge", retry=3, with_={"n": flow.input.n})
    flow.step(known, depends_on=[charge, "other"], saga=read, when="input.n > 0")
    flow.step(known, retries=3)  # type: ignore[call-arg]
    flow.step(known, depends_on=[3])  # type: ignore[list-item]
    assert_type(charge.id, str)
    flow.label("customer", flow.input.customer)
    flow.schedule("nightly", cron="0 2 * * *", input={"until": flow.occasion.time})
    flow.schedule("often", evry="1h")  # type: ignore[call-arg]
    assert_type(flow.build(), Workflow)
    assert_type(flow.to_yaml(), str)
