"""What somebody could read or hear, and whose right it is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from integration.security.acts import ACTING, WORKING

VIEWING = ("viewer", *ACTING)


@dataclass(frozen=True)
class View:
    """A request that is answered by something stored."""

    request: str
    query: Any = None
    may: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        return f"$JS.API.{self.request}"

    @property
    def data(self) -> bytes:
        return b"" if self.query is None else json.dumps(self.query).encode()


def _last(stream: str, subject: str, may: tuple[str, ...] = ()) -> View:
    return View(f"STREAM.MSG.GET.{stream}", {"last_by_subj": subject}, may)


def _direct(bucket: str, key: str, may: tuple[str, ...] = ()) -> View:
    return View(f"DIRECT.GET.KV_{bucket}.$KV.{bucket}.{key}", may=may)


READS = [
    _last("KV_flowworker_runs", "$KV.flowworker_runs.>", VIEWING),
    _last("KV_flowworker_payloads", "$KV.flowworker_payloads.>", VIEWING),
    _last("KV_flowworker_definitions", "$KV.flowworker_definitions.>", (*VIEWING, "registrar")),
    _last("KV_flowworker_locks", "$KV.flowworker_locks.>"),
    _last("FLOWWORKER_STEPS", "flowworker.step.>", VIEWING),
    _last("FLOWWORKER_EVENTS", "flowworker.event.>", VIEWING),
    _last("FLOWWORKER_COMMANDS", "flowworker.start.>", VIEWING),
    _direct("flowworker_runs", "run.r1"),
    _direct("flowworker_runs", ">"),
    _direct("flowworker_runs", "*.>"),
    _direct("flowworker_runs", "step.>"),
    _direct("flowworker_runs", "step.*.r1.*"),
    _direct("flowworker_runs", "step.default.r1.first", ("worker-default",)),
    _direct("flowworker_runs", "step.gpu.r1.second", ("worker-gpu",)),
    _direct("flowworker_runs", "emit.gpu.r1.order.paid", ("worker-gpu",)),
    _direct("flowworker_definitions", "latest.sum"),
    _direct("flowworker_payloads", "r1.gpu.second.abc.0", WORKING),
    _direct("flowworker_locks", "lock.order", WORKING),
    _direct("flowworker_locks", "partition.0", VIEWING),
    _direct("flowworker_locks", ">"),
    _direct("flowworker_locks", "present.worker.default.one", VIEWING),
    _direct("flowworker_locks", "present.coordinator.one", VIEWING),
    View("DIRECT.GET.KV_flowworker_runs", {"last_by_subj": "$KV.flowworker_runs.run.r1"}, VIEWING),
    View("DIRECT.GET.KV_flowworker_payloads", {"multi_last": ["$KV.flowworker_payloads.>"]}),
    View("DIRECT.GET.FLOWWORKER_EVENTS", {"last_by_subj": "flowworker.event.>"}, VIEWING),
    _last("KV_other_runs", "$KV.other_runs.>"),
    _direct("other_runs", "run.r1"),
    View("CONSUMER.MSG.NEXT.FLOWWORKER_STEPS.step-default-high", 1, ("worker-default",)),
    View("CONSUMER.MSG.NEXT.FLOWWORKER_STEPS.step-gpu-high", 1, ("worker-gpu",)),
    View("CONSUMER.MSG.NEXT.FLOWWORKER_COMMANDS.starts", 1),
    View("CONSUMER.MSG.NEXT.FLOWWORKER_EVENTS.scheduler-0", 1),
]

NOTIFIED = (*VIEWING, "monitor")

SPOKEN = {
    "workflow.step.completed": NOTIFIED,
    "order.paid": (),
    "flowworker.event.0.r1.coordinator.workflow.started": VIEWING,
    "flowworker.cancel.r1": WORKING,
    "flowworker.lease.free.lock.order": (),
    "flowworker.lease.free.partition.0": (),
    "flowworker.start.sum": (),
    "flowworker.control.cancel.r1": (),
    "flowworker.step.gpu.high.r1.second": (),
    "flowworker.timer.due.r1.timeout": (),
    "$KV.flowworker_runs.run.r1": (),
    "$JS.ACK.FLOWWORKER_STEPS.step-gpu-high.1.1.1.1.0": (),
    "_INBOX.coordinator.secret": (),
    "_INBOX.administrator.secret": (),
    "_INBOX.worker-gpu.secret": (),
    "_INBOX.starter.secret": ("starter",),
    "_INBOX.operator.secret": ("operator",),
    "_INBOX.dashboard.secret": ("dashboard",),
    "other.workflow.step.completed": (),
    "other.cancel.r1": (),
}
"""What is said in the fleet's account, and who may hear it."""

HEARD_BY = {
    "workflow.step.completed": (),
    "workflow.completed": (),
    "order.paid": WORKING,
    "flowworker.cancel.r1": (),
    "flowworker.lease.free.lock.order": (),
    "flowworker.lease.free.partition.0": (),
    "flowworker.result.anybody": (),
    "other.workflow.step.completed": (),
    "other.cancel.r1": (),
    "anything.else": (),
    **{f"_INBOX.{user}.secret": () for user in ("coordinator", "administrator", "operator")},
    **{f"_INBOX.{user}.secret": () for user in (*WORKING, "starter", "viewer")},
}
"""What somebody could say without storing it, and who may say it to others than themselves."""
