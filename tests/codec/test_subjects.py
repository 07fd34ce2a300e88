"""Subjects that clients, workers and coordinators speak of."""

from __future__ import annotations

from flowworker.codec.subjects import (
    DEFAULT_NAMESPACE,
    cancel_subject,
    event_subject,
    public_prefix,
    public_subject,
)


def test_events_of_the_default_namespace_are_published_under_their_bare_types():
    assert public_prefix(DEFAULT_NAMESPACE) == ""
    assert public_subject(DEFAULT_NAMESPACE, "workflow.>") == "workflow.>"
    assert public_prefix("shop") == "shop."
    assert public_subject("shop", "order.paid") == "shop.order.paid"


def test_where_an_event_is_stored():
    subject = event_subject("shop", 3, "r1", "gpu", "workflow.step.started")

    assert subject == "shop.event.3.r1.gpu.workflow.step.started"
    pattern = event_subject("shop", "*", "*", "coordinator", "workflow.>")
    assert pattern == "shop.event.*.*.coordinator.workflow.>"


def test_where_workers_hear_that_they_should_stop():
    assert cancel_subject("shop", "r1") == "shop.cancel.r1"
