"""What somebody could do by one message, and who may."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from integration.security.seeds import HOUR


@dataclass(frozen=True)
class Act:
    """A message that changes something, if the server lets it.

    Attributes:
        may: roles whose right it is.
    """

    subject: str
    body: Any = b"forged"
    headers: dict[str, str] = field(default_factory=dict)
    may: tuple[str, ...] = ()

    @property
    def data(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


STARTING = ("starter", "operator", "dashboard")
ACTING = ("operator", "dashboard")
WORKING = ("worker-default", "worker-gpu")

RECORDS = [
    Act("$KV.flowworker_runs.run.r1"),
    Act("$KV.flowworker_runs.run.r1", b"", {"KV-Operation": "PURGE"}),
    Act("$KV.flowworker_runs.index.COMPLETED.sum.2026.11.28.03.42.00.062.r1"),
    Act("$KV.flowworker_runs.schedule.nightly"),
    Act("$KV.flowworker_runs.pause.queue.gpu"),
    Act("$KV.flowworker_runs.pause.workflow.sum"),
    Act("$KV.flowworker_runs.limit.named.api"),
    Act("$KV.flowworker_runs.waiting.named.api.1-1.r1.first"),
    Act("$KV.flowworker_runs.step.default.r1.first", may=("worker-default",)),
    Act("$KV.flowworker_runs.step.gpu.r1.second", may=("worker-gpu",)),
    Act("$KV.flowworker_runs.emit.default.r1.order.paid", may=("worker-default",)),
    Act("$KV.flowworker_runs.emit.gpu.r1.order.paid", may=("worker-gpu",)),
    Act("$KV.flowworker_runs.emit.r1.order.paid"),
    Act("$KV.flowworker_definitions.def.abc", may=("registrar",)),
    Act("$KV.flowworker_definitions.latest.sum", may=("registrar",)),
    Act("$KV.flowworker_payloads.r1.default.first.abc.0", may=("worker-default",)),
    Act("$KV.flowworker_payloads.r1.gpu.second.abc.0", may=("worker-gpu",)),
    Act("$KV.flowworker_payloads.r1.coordinator.outputs.abc.0"),
    Act("$KV.flowworker_payloads.r1.upload.abc.def.0", may=STARTING),
    Act("$KV.flowworker_payloads.r1"),
    Act("$KV.flowworker_locks.lock.order", may=WORKING),
    Act("$KV.flowworker_locks.partition.0"),
    Act("$KV.flowworker_locks.coordinator.one"),
    Act("$KV.flowworker_locks.present.worker.default.one", may=("worker-default",)),
    Act("$KV.flowworker_locks.present.worker.gpu.one", may=("worker-gpu",)),
    Act("$KV.flowworker_locks.present.coordinator.one"),
]

MESSAGES = [
    Act("flowworker.start.sum", may=STARTING),
    *(
        Act(f"flowworker.control.{one}.r1", may=ACTING)
        for one in ("cancel", "terminate", "pause", "unpause", "resume", "rerun", "approve")
    ),
    *(
        Act(f"flowworker.control.schedule.{one}.nightly", b"{}", may=ACTING)
        for one in ("create", "pause", "delete")
    ),
    *(
        Act(f"flowworker.control.queue.{one}.gpu", b"{}", may=ACTING)
        for one in ("unpause", "pause")
    ),
    Act("flowworker.control.workflow.pause.sum", b"{}", may=ACTING),
    Act("flowworker.control.workflow.unpause.sum", b"{}", may=ACTING),
    Act("flowworker.control.limit.set.api", b'{"concurrency": 1}', may=ACTING),
    Act("flowworker.control.schedule.register.sum", b"{}", may=(*ACTING, "registrar")),
    Act("flowworker.signal.r1.go", may=ACTING),
    Act("$KV.flowworker_runs.signal.r1.1-1.go"),
    Act("$KV.flowworker_runs.step.coordinator.r1.first"),
    Act("flowworker.step.default.low.r1.first"),
    Act("flowworker.step.gpu.low.r1.second"),
    Act("flowworker.timer.due.r1.timeout"),
    Act(
        "flowworker.timer.at.run.r1.timeout",
        headers={
            "Nats-Schedule": "@at 2100-01-01T00:00:00Z",
            "Nats-Schedule-Target": "flowworker.step.gpu.high.r1.second",
        },
    ),
    *(
        Act(f"flowworker.event.0.r1.{queue}.workflow.step.{kind}", may=(f"worker-{queue}",))
        for queue in ("default", "gpu")
        for kind in ("started", "completed", "attempt_failed", "cancelled", "compensated")
    ),
    *(
        Act(f"flowworker.event.0.r1.{sender}.{kind}")
        for sender in ("default", "gpu", "coordinator", "upload")
        for kind in (
            *("workflow.started", "workflow.completed", "workflow.cancel_requested"),
            *("workflow.human_decided", "workflow.step.failed", "workflow.step.skipped"),
        )
    ),
    Act("flowworker.event.0.r1.gpu.emit.order.paid", may=("worker-gpu",)),
    Act("flowworker.event.0.r1.coordinator.emit.order.paid"),
    Act("flowworker.event.0.r1.workflow.step.completed"),
]

ELSEWHERE = [
    Act(subject)
    for subject in (
        *("other.start.sum", "other.control.cancel.r1", "other.step.default.high.r1.first"),
        *("other.event.0.r1.default.workflow.step.completed", "other.timer.due.r1.timeout"),
        *("$KV.other_runs.run.r1", "$KV.other_runs.step.default.r1.first"),
        *("$KV.other_payloads.r1.default.x.y.0", "$KV.other_payloads.r1.upload.x.y.0"),
        *("$KV.other_definitions.latest.sum", "$KV.other_locks.lock.order"),
    )
]

STEPS = "FLOWWORKER_STEPS"
EVENTS = "FLOWWORKER_EVENTS"


def _consumer(stream: str, name: str, **config: Any) -> dict[str, Any]:
    """A consumer of another's messages."""
    made = {"durable_name": name, "name": name, "ack_policy": "explicit", **config}
    return {"stream_name": stream, "config": made}


def _redirected(pattern: str) -> dict[str, Any]:
    """The lane of a queue, changed so that it hands out steps of another."""
    limits = {"ack_wait": HOUR, "max_deliver": -1, "max_waiting": 8192}
    return _consumer(STEPS, "step-default-high", filter_subject=pattern, **limits)


_AS_RECORD = {"deliver_subject": "$KV.flowworker_runs.run.r1", "filter_subject": "flowworker.>"}

ADMINISTRATION = [
    Act(f"$JS.API.{request}", body)
    for request, body in (
        ("CONSUMER.PAUSE.FLOWWORKER_STEPS.step-gpu-high", {"pause_until": "2100-01-01T00:00:00Z"}),
        (
            "CONSUMER.CREATE.FLOWWORKER_STEPS.step-default-high",
            _redirected("flowworker.step.gpu.low.>"),
        ),
        (
            "CONSUMER.CREATE.FLOWWORKER_STEPS.step-default-high.flowworker.step.gpu.normal.>",
            _redirected("flowworker.step.gpu.normal.>"),
        ),
        (
            "CONSUMER.DURABLE.CREATE.FLOWWORKER_STEPS.step-default-high",
            _redirected("flowworker.step.third.>"),
        ),
        (
            "CONSUMER.CREATE.FLOWWORKER_EVENTS.spy.flowworker.event.>",
            _consumer(EVENTS, "spy", filter_subject="flowworker.event.>"),
        ),
        ("CONSUMER.DURABLE.CREATE.FLOWWORKER_EVENTS.mole", _consumer(EVENTS, "mole")),
        ("CONSUMER.CREATE.FLOWWORKER_EVENTS", {"stream_name": EVENTS, "config": _AS_RECORD}),
        ("CONSUMER.DELETE.FLOWWORKER_STEPS.step-gpu-high", b""),
        ("STREAM.CREATE.THEIRS", {"name": "THEIRS", "subjects": ["theirs.>"]}),
        ("STREAM.MSG.DELETE.FLOWWORKER_EVENTS", {"seq": 1}),
        ("STREAM.PURGE.FLOWWORKER_EVENTS", {"filter": "flowworker.event.0.r1.>"}),
        ("STREAM.PURGE.FLOWWORKER_COMMANDS", b""),
        ("STREAM.PURGE.KV_flowworker_locks", {"filter": "$KV.flowworker_locks.lock.>"}),
        ("STREAM.PURGE.KV_flowworker_locks", {"filter": "$KV.flowworker_locks.partition.0"}),
        ("STREAM.PURGE.KV_flowworker_runs", b""),
        ("STREAM.DELETE.KV_flowworker_payloads", b""),
        ("STREAM.DELETE.FLOWWORKER_STEPS", b""),
    )
]

OWNERS = {
    "starts": "", "controls": "", "scheduler-0": "", "step-default-high": "worker-default",
    "step-gpu-high": "worker-gpu",
}  # fmt: skip
"""Consumers, and whose messages they hand out; those of coordinators are nobody's here."""

CHANGES = [*RECORDS, *MESSAGES, *ELSEWHERE, *ADMINISTRATION]
"""In an order in which each of them changes something."""


@dataclass(frozen=True)
class Carrier:
    """What a role may send and JetStream answers, and which names of a state that may change."""

    role: str
    subject: str
    body: bytes = b"x"
    own: tuple[str, ...] = ()


def carriers(role: str) -> list[Carrier]:
    """Those of a role; `worker-gpu` is as `worker-default`."""
    start = Carrier(role, "flowworker.start.any", b"{}", ("messages of FLOWWORKER_COMMANDS",))
    upload = Carrier(
        role,
        "$KV.flowworker_payloads.any.upload.x.y.0",
        own=("messages of KV_flowworker_payloads",),
    )
    control = Carrier(
        role, "flowworker.control.cancel.any", b"", ("messages of FLOWWORKER_COMMANDS",)
    )
    reads = [
        Carrier(role, "$JS.API.STREAM.INFO.FLOWWORKER_STEPS", b""),
        Carrier(
            role,
            "$JS.API.STREAM.MSG.GET.KV_flowworker_runs",
            b'{"last_by_subj": "$KV.flowworker_runs.run.r1"}',
        ),
        Carrier(role, "$JS.API.STREAM.MSG.GET.FLOWWORKER_EVENTS", b'{"seq": 1}'),
        Carrier(role, "$JS.API.STREAM.MSG.GET.FLOWWORKER_STEPS", b'{"seq": 1}'),
        Carrier(role, "$JS.API.CONSUMER.INFO.FLOWWORKER_STEPS.step-gpu-high", b""),
        Carrier(role, "$JS.API.CONSUMER.INFO.FLOWWORKER_EVENTS.scheduler-0", b""),
        Carrier(role, "$JS.API.CONSUMER.INFO.FLOWWORKER_COMMANDS.starts", b""),
        Carrier(role, "$JS.API.CONSUMER.NAMES.FLOWWORKER_STEPS", b""),
    ]
    match role:
        case "starter":
            return [start, upload]
        case "operator" | "dashboard":
            return [start, upload, control, *reads]
        case "viewer":
            return reads
        case "registrar":
            subject = "$KV.flowworker_definitions.def.any"
            register = "flowworker.control.schedule.register.any"
            return [
                Carrier(role, subject, own=("messages of KV_flowworker_definitions",)),
                Carrier(role, register, b"{}", ("messages of FLOWWORKER_COMMANDS",)),
            ]
        case "worker-default":
            lane = "consumer step-default-high of FLOWWORKER_STEPS"
            key = "$KV.flowworker_runs.step.default.any.x"
            event = "flowworker.event.0.any.default.workflow.step.completed"
            return [
                Carrier(role, key, own=("messages of KV_flowworker_runs",)),
                Carrier(role, event, own=("messages of FLOWWORKER_EVENTS",)),
                Carrier(
                    role,
                    "$JS.API.CONSUMER.MSG.NEXT.FLOWWORKER_STEPS.step-default-high",
                    b'{"batch": 1}',
                    (lane,),
                ),
                Carrier(role, f"$JS.API.DIRECT.GET.KV_flowworker_runs.{key}", b""),
            ]
        case _:
            return []


TARGETS = (
    *("$KV.flowworker_runs.run.r1", "$KV.flowworker_runs.step.gpu.r1.second"),
    *("$KV.flowworker_payloads.r1.gpu.second.abc.0", "$KV.flowworker_locks.partition.0"),
    *("$KV.flowworker_definitions.latest.sum", "$KV.other_runs.run.r1", "other.start.sum"),
    "flowworker.event.0.r1.coordinator.workflow.completed",
    *("flowworker.step.gpu.low.r1.second", "flowworker.control.terminate.r1"),
    *("$JS.API.STREAM.PURGE.KV_flowworker_runs", "$JS.API.STREAM.DELETE.KV_flowworker_payloads"),
)
"""What an answer could be sent to that is no inbox."""
