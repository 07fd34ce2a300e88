"""A namespace with something of everything that somebody could want to read or change."""

from __future__ import annotations

from nats.aio.client import Client

from integration.security.state import api

NAMESPACE = "flowworker"
OTHER = "other"
"""A second namespace in the same account."""

KEPT = (
    "$KV.flowworker_runs.run.r1",
    "$KV.flowworker_runs.index.RUNNING.sum.r1",
    "$KV.flowworker_runs.step.default.r1.first",
    "$KV.flowworker_runs.step.gpu.r1.second",
    "$KV.flowworker_runs.emit.default.r1.order.paid",
    "$KV.flowworker_runs.emit.gpu.r1.order.paid",
    "$KV.flowworker_definitions.def.abc",
    "$KV.flowworker_definitions.latest.sum",
    "$KV.flowworker_payloads.r1.default.first.abc.0",
    "$KV.flowworker_payloads.r1.gpu.second.abc.0",
    "$KV.flowworker_payloads.r1.coordinator.outputs.abc.0",
    "$KV.flowworker_payloads.r1.upload.abc.def.0",
    "$KV.flowworker_locks.lock.order",
    "$KV.flowworker_locks.partition.0",
    "$KV.flowworker_locks.coordinator.one",
    "$KV.flowworker_locks.present.coordinator.one",
    "$KV.flowworker_locks.present.worker.default.one",
    "$KV.flowworker_locks.present.worker.gpu.one",
    "flowworker.event.0.r1.coordinator.workflow.started",
    "flowworker.event.0.r1.default.workflow.step.completed",
    "flowworker.start.sum",
    "flowworker.control.cancel.r1",
    *(f"flowworker.step.default.high.r1.s{number}" for number in range(24)),
    "flowworker.step.gpu.high.r1.second",
    "flowworker.step.gpu.high.r1.third",
    "$KV.other_runs.run.r1",
)
SAID = b"seeded"
HOUR = 3_600_000_000_000
"""Nanoseconds: no message comes again while a test looks."""

PULLED = {
    ("FLOWWORKER_COMMANDS", "starts"): "flowworker.start.>",
    ("FLOWWORKER_COMMANDS", "controls"): "flowworker.control.>",
    ("FLOWWORKER_EVENTS", "scheduler-0"): "flowworker.event.0.*.*.workflow.>",
    ("FLOWWORKER_STEPS", "step-default-high"): "flowworker.step.default.high.>",
    ("FLOWWORKER_STEPS", "step-gpu-high"): "flowworker.step.gpu.high.>",
}
"""Consumers, of each of which one message is on its way."""


async def sow(admin: Client) -> dict[str, str]:
    """Store all that; the acknowledgement subjects of messages on their way, by consumer."""
    for subject in KEPT:
        await admin.request(subject, SAID, 10)
    acks = {}
    for (stream, consumer), pattern in PULLED.items():
        info = await api(admin, f"CONSUMER.INFO.{stream}.{consumer}")
        config = info.get("config") or {
            "durable_name": consumer, "name": consumer, "filter_subject": pattern,
            "ack_policy": "explicit", "max_deliver": -1, "max_waiting": 8192,
        }  # fmt: skip
        body = {"stream_name": stream, "config": {**config, "ack_wait": HOUR}}
        made = await api(admin, f"CONSUMER.CREATE.{stream}.{consumer}", body)
        assert "error" not in made, made
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        message = await admin.request(subject, b"1", 10, old_style=True)
        assert message.data == SAID
        acks[consumer] = message.reply
    return acks
