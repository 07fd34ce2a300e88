"""Sees everything that becomes durable, at the moment when it does, and holds it to the rules."""

from __future__ import annotations

__all__ = ["Watch"]

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from flowworker.codec.cloudevents import decode_event, settled_event
from flowworker.codec.json import decode_run, decode_step
from flowworker.codec.messages import decode_step_message
from flowworker.core.event_types import ENDS, EventType
from flowworker.core.ids import event_id
from flowworker.core.status import Kind
from flowworker.simulate.clock import EPOCH
from simulation.commands import check_alarm, check_command
from simulation.counts import constructs_of, kind_of_write
from simulation.expecting import Violation, expect
from simulation.held import Holds
from simulation.history import check_event, check_message
from simulation.limits import Limits
from simulation.pauses import check_steering
from simulation.promises import Promises
from simulation.replays import Replays
from simulation.rules import check_run_write, check_step_write, note_step
from simulation.schedules import Schedules
from simulation.signals import check_signal, decode_signal
from simulation.starts import Starts, is_another

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from flowworker.core.graph import Plan
    from flowworker.core.records import RunRecord, StepRecord
    from flowworker.ports import Delivery, StepAddress, StoredEvent
    from simulation.pending import Pending
    from simulation.process import Process
    from simulation.quiet import Quiet
    from simulation.rebuilds import Rebuilds
    from simulation.truth import Truth


class Watch:
    """The truth about all runs of a world.

    Attributes:
        runs: by id.
        starts, schedules, limits: what is known of start messages, and of these.
        rebuilds: counts those of runs that wait.
        quiet: knows what holds in worlds in which nothing goes wrong.
        replays: compares what is held in memory with the records.
        rejected: ids of the events that say which commands were not followed.
        refused: runs to which a control message was not followed.
        counts: how often something interesting happened.
        constructs: how often each construct of the language occurred.
        values: payloads by their digests, as those know them who made them.
        discarded: numbers of outputs whose handlers had been given up long before they returned.
        forged: bodies of events that hostile workers have published.
        slack: seconds by which the clocks of processes may differ.
        misled: somebody may have read a stale history: only a sweep corrects what follows.
    """

    def __init__(
        self,
        plans: dict[str, Plan],
        pending: Pending,
        rebuilds: Rebuilds,
        quiet: Quiet,
        on_violation: Callable[[str], None],
    ) -> None:
        """Look up definitions in `plans`; ask `pending` what is on its way."""
        self.runs: dict[str, Truth] = {}
        self.rejected, self.refused = set[str](), set[str]()
        self.counts, self.constructs = Counter[str](), Counter[str]()
        self.discarded, self.forged = set[int](), set[bytes]()
        self.promises = Promises()
        self.starts = Starts({plan.workflow.name: plan.workflow for plan in plans.values()}, quiet)
        self.rebuilds, self.quiet, self.values = rebuilds, quiet, dict[str, Any]()
        self.replays, self.schedules, self.slack, self.misled = Replays(), Schedules(), 0.0, False
        self.limits = book = Limits(quiet, plans.values())
        self._books: dict[str, Any] = {"schedule": self.schedules, "limit": book, "waiting": book}
        self._books |= {"pause": Holds(quiet), "debounce": self.starts.debounces}
        self._plans, self.pending, self._on_violation = plans, pending, on_violation

    def written(self, process: Process, key: str, value: bytes, revision: int) -> None:
        """A record was written."""
        kind = key.partition(".")[0]
        with self._reporting():
            if kind == "index":
                self.quiet.listed(key)
            elif kind == "run":
                self._run_written(process, decode_run(key, value), revision)
            elif kind == "step":
                self._step_written(process, decode_step(key, value), revision)
            elif kind == "signal":
                signal, now = decode_signal(value), self.quiet.moment
                check_signal(self.runs[signal.run], signal, now, quiet=self.quiet.is_quiet)
                self.constructs["signal taken" if signal.taken_by else "signal kept"] += 1
            elif kind in self._books:
                self._books[kind].written(key, value, self.runs)
            elif kind == "heard":
                self.runs[key.split(".")[1]].signals.heard[key] = value.decode()

    def purged(self, pattern: str) -> None:
        """Records were removed."""
        kind, _, run = pattern.partition(".")
        if kind == "index":
            self.quiet.unlisted(pattern)
        elif kind in self._books:
            self._books[kind].removed(pattern)
        truth = self.runs.get(run) if kind == "run" else None
        if truth is not None and not truth.gone:
            truth.gone = True
            self.expect(truth.over, "a run was removed before its end", run)

    def forgotten(self, run: str, history: Sequence[StoredEvent] | None = None) -> None:
        """A run's history was removed, which was this, or is to be, behind its payloads."""
        truth = self.runs.get(run)
        if truth is not None and (broken := self.promises.broken(run, truth, history)):
            self.expect(truth.forgotten_history, "lost from the history", broken)
        self.expect(truth is None or truth.over, "history removed before the end", run)
        if truth is not None:
            truth.forgotten_history = True

    def published(
        self, process: Process, run: str, event_type: str, data: bytes, event: str
    ) -> None:
        """An event was stored, unless it was known."""
        self.promises.published(run, event)
        of_schedule = self.schedules.published(event_type, event, data, self.fail)
        if of_schedule or event_type.startswith("emit."):
            return
        found = decode_event(data)
        truth = self.runs.get(run)
        if found.type is EventType.REJECTED:
            if event in self.rejected:
                return
            self.rejected.add(event)
            self.counts["command rejected"] += 1
            in_time = truth is None or not truth.ended or truth.gone
            self.expect(in_time, "a rejection behind the end", event)
            with self._reporting():
                if not (self.misled and found.data.rerun_of):
                    self.starts.rejected(self.runs.get(found.data.id), found)
            return
        if truth is None:
            self._on_violation(f"an event of a run that does not exist: {event}")
            return
        if event in truth.published:
            truth.ended |= found.type in ENDS  # it may have been lost
            self.counts["event published again"] += 1
            return
        with self._reporting():
            check_event(truth, found, process)
            self.starts.debounces.published(truth, event)
        truth.note(found)
        self.counts[found.type] += 1

    def enqueued(self, process: Process, address: StepAddress, data: bytes) -> None:
        """A step message was stored, unless it was known."""
        truth = self.runs.get(address.run)
        if truth is None:
            self._on_violation(f"a step of a run that does not exist: {address}")
            return
        message = decode_step_message(data)
        with self._reporting():
            check_message(truth, message, process.name)
            self.limits.enqueued(truth, message)
            self._books["pause"].check_begins(truth, message.step)
        if message.kind is not Kind.COMPENSATE:
            truth.enqueued.add(message.step)

    def command_acked(self, delivery: Delivery) -> None:
        """A command was acknowledged: what it stands for is durable."""
        self.promises.acked(delivery)
        with self._reporting():
            if delivery.subject.startswith("control.schedule."):
                self.schedules.command_acked(delivery, self.rejected, self.constructs)
            elif not delivery.subject.startswith(("control.limit.", "control.workflow.")):
                known = self.rejected, self.refused, self.limits.waits
                check_command(self.runs, self.starts, *known, delivery, misled=self.misled)

    def lost(self, run: str) -> None:
        """A message of a run is gone, and nobody has acknowledged it."""
        if run in self.runs:
            self.runs[run].robbed = True

    def step_handed_out(self, delivery: Delivery) -> None:
        """A step message is on its way to a worker."""
        message = decode_step_message(delivery.data)
        truth = self.runs[message.run]
        with self._reporting():
            self.quiet.handed_out(delivery, useless=truth.is_past(message.step, message.attempt))

    def step_acked(self, delivery: Delivery) -> None:
        """A step message was acknowledged: its attempt is over and published, or out of date."""
        message = decode_step_message(delivery.data)
        truth = self.runs[message.run]
        if truth.over:
            return
        where = f"{message.run} {message.step} {message.attempt}"
        record, revision = truth.steps.get(message.step, (None, 0))
        if record is None:
            self.expect(message.revision, "a step message was lost", where)
        elif record.attempt == message.attempt:
            event = settled_event("flowworker", message.workflow, "", record, revision)
            over = event is not None and event.id in truth.published
            over = over or truth.has_iterated(record)  # and it was said since what it comes to
            self.expect(over, "a step was acknowledged before it was published", where)
        self._check_moving(truth)

    def event_acked(self, process: Process, delivery: Delivery) -> None:
        """An event was acknowledged: what follows from it is durable."""
        if delivery.data in self.forged:
            return
        _, partition, run, _, _ = delivery.subject.split(".", 4)
        truth = self.runs.get(run)
        if truth is None:
            return
        self._check_moving(truth)
        event, more = decode_event(delivery.data), self.pending.events(run) > 0
        with self._reporting():
            check_steering(truth, event, process, self.pending, self.quiet)
        if event.type is EventType.STEP_COMPLETED and event.data.step in truth.plan.steps:
            truth.followed.add(event.data.step)
            if not (truth.record.stop or self.misled or truth.robbed):
                forgotten = truth.forgotten(event.data.step, process.name, more=more)
                self.expect(not forgotten, "acknowledged before what follows", forgotten)
        if not (more or truth.robbed):
            with self._reporting():
                self.replays.check(process, truth, event, int(partition))
                if truth.over:
                    self.quiet.ended(truth)

    def timer_acked(self, delivery: Delivery) -> None:
        """An alarm was acknowledged."""
        with self._reporting():
            check_alarm(self.runs, self.pending, self.schedules, self.limits.waits, delivery)

    def _check_moving(self, truth: Truth) -> None:
        """Something durable moves the run on, without anybody looking after it."""
        run = truth.run
        if self.misled or truth.robbed or truth.over or truth.may_rest:
            return
        started = event_id(run, EventType.STARTED) in truth.published  # else its message waits
        waits = truth.waits_for_child() or self.limits.waits(run)
        moving = waits or self.pending.moving(run, *truth.children)
        self.expect(moving or not started, "nothing moves the run on", run)

    def _run_written(self, process: Process, record: RunRecord, revision: int) -> None:
        truth = self.runs.get(record.run)
        if truth is None or truth.gone:
            self.schedules.begun(record, self.runs, EPOCH + self.quiet.moment)
        self.limits.run_written(self._plans[record.definition], truth, record)
        if truth is None or is_another(truth, record):
            # Of an id that is used again events may be taken for those of the run before, and what
            # was refused may have been meant for that.
            again, plan = truth is not None, self._plans[record.definition]
            begun = self.starts.begun(plan, record, revision, self.runs)
            begun.values, begun.robbed, self.runs[record.run] = self.values, again, begun
            known = again or record.run not in self.refused
            expect(known, "a command to a run that was on its way was refused", record.run)
            return
        before, truth.record, truth.revision = truth.record, record, revision
        if record.status is not before.status:
            self.counts[f"run {record.status}"] += 1
        check_run_write(truth, before, record, process.clock.now() + self.slack)
        self.starts.debounces.run_written(before, record, self.slack)
        self.quiet.run_written(record)
        truth.note_written(process.name, record, revision)

    def _step_written(self, process: Process, record: StepRecord, revision: int) -> None:
        truth = self.runs.get(record.run)
        if truth is None:
            raise Violation(f"a step of a run that does not exist: {record.run}")
        before, _ = truth.steps.get(record.step, (None, 0))
        check_step_write(truth, record, revision, process.name, process.clock.now(), self.slack)
        self.quiet.step_written(record)
        self.limits.claimed(truth, record)
        self.counts[kind_of_write(before, record, process.name)] += 1
        self.constructs.update(constructs_of(truth.plan, before, record))
        note_step(truth, record, revision, self.discarded)

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except Violation as violation:
            self._on_violation(str(violation))

    def expect(self, holds: object, what: str, about: object) -> None:
        """Report a violation unless it holds."""
        if not holds:
            self.fail(what, about)

    def fail(self, what: str, about: object) -> None:
        """Report a violation."""
        self._on_violation(f"{what}: {about}")
