"""All metrics of the project, for Prometheus. Names begin with `flowworker_`."""

from __future__ import annotations

__all__ = ["Metrics"]

import platform
from typing import TYPE_CHECKING, assert_never

from prometheus_client import Counter, Gauge, Histogram

from flowworker.ports import Incident
from flowworker.telemetry.labels import Levels, NameLabel, Series

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

_SECONDS = (0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 2.5, 10.0, 30.0, 60.0, 300.0, 1800.0)
_RUN_SECONDS = (0.01, 0.05, 0.25, 1.0, 5.0, 30.0, 60.0, 300.0, 1800.0, 7200.0, 86400.0)


class Metrics:
    """What one process counts. Several workers or coordinators in it share one.

    What has labels is a `Series`: `attempts["payments.charge", "completed"].inc()`. The page on
    metrics says what each one means, and a test holds it to this list.
    """

    def __init__(
        self, registry: CollectorRegistry, *, workflows: bool = True, handlers: bool = True
    ) -> None:
        """Register everything with `registry`; twice with one is an error.

        Args:
            registry: what a scrape reads.
            workflows: tell workflows apart.
            handlers: tell handlers apart.
        """
        make = _Make(registry, workflows=workflows, handlers=handlers)
        self._of_attempts(make)
        self._of_runs(make)
        self._of_the_api(make)
        self._of_processes(make)
        self._of_the_server(make)

    def describe(self, role: str, version: str) -> None:
        """Say what this process is."""
        self.build_info[version, platform.python_version(), role].set(1)

    def count_incident(self, incident: Incident) -> None:
        """One of `Backend.on_incident`."""
        match incident:
            case Incident.RECONNECTED:
                self.reconnects.inc()
            case Incident.PUBLISH_FAILED:
                self.publish_errors.inc()
            case Incident.PULL_RENEWED:
                self.pulls_renewed.inc()
            case _:
                assert_never(incident)

    def _of_attempts(self, make: _Make) -> None:
        """By workers."""
        self.attempts = make.counters("attempts", "Attempts that ended.", "handler", "outcome")
        self.handler_seconds = make.histograms("handler_seconds", "Time in a handler.", "handler")
        self.schedule_to_start = make.histograms(
            "schedule_to_start_seconds", "From step message to claim.", "queue"
        )
        self.step_seconds = make.histograms(
            "step_seconds", "From step message to outcome.", "workflow"
        )
        self.takeovers = make.counters("takeovers", "Claims after the loss of a worker.", "queue")
        self.claims_lost = make.counter("claims_lost", "Results refused: the claim was taken over.")
        self.put_back = make.counter(
            "deliveries_put_back", "Deliveries for which no slot was free."
        )
        self.handlers_missing = make.counters(
            "handlers_missing", "Steps put back: their handler is not here.", "handler"
        )
        self.slots = make.gauge("slots", "Attempts that may be in flight at a time.")
        self.running = make.gauge("attempts_running", "Attempts in flight.")
        self.left_behind = make.gauge(
            "handlers_left_behind", "Async handlers that ignored their end."
        )

    def _of_runs(self, make: _Make) -> None:
        """By coordinators."""
        self.runs_started = make.counters("runs_started", "Runs created.", "workflow")
        self.runs_finished = make.counters(
            "runs_finished", "Runs that ended.", "workflow", "status"
        )
        self.run_seconds = make.histograms(
            "run_seconds", "From start to end.", "workflow", buckets=_RUN_SECONDS
        )
        self.needing_attention = make.counters(
            "runs_needing_attention", "Runs that ended with something critical undone.", "workflow"
        )
        self.retries = make.counters("retries", "Attempts that are to be repeated.", "workflow")
        self.fallbacks = make.counters("fallbacks", "Steps that got to their fallback.", "workflow")
        self.steps_skipped = make.counters("steps_skipped", "Steps that were skipped.", "workflow")
        self.humans_asked = make.counters("humans_asked", "Steps that began to wait.", "workflow")
        self.sagas = make.counters("sagas", "Runs that began to compensate.", "workflow")
        self.failed_compensations = make.counters(
            "failed_compensations", "Steps that could not be undone.", "workflow"
        )
        self.schedule_lateness = make.histograms(
            "schedule_lateness_seconds", "From a schedule's time to its run.", "workflow"
        )
        self.schedules_skipped = make.counters(
            "schedule_times_skipped", "Times without a run: one had not ended.", "workflow"
        )
        self.schedules_missed = make.counters(
            "schedule_times_missed", "Times without a run: it was too late.", "workflow"
        )
        self.schedules_rejected = make.counters(
            "schedule_times_rejected", "Times without a run: none could be started.", "workflow"
        )
        self.schedule_pauses = make.counters(
            "schedule_pauses", "Schedules that a failure has paused.", "workflow"
        )
        self.runs_unfinished = make.levels("runs_unfinished", "Runs that have not ended.", "status")
        self.runs_active = make.gauge("runs_active", "Runs kept in memory.")
        self.workflows_paused = make.levels("workflow_paused", "1: its runs hold.", "workflow")
        self.limits_held = make.levels("limit_held", "Steps let in, if some wait.", "limit")
        self.limits_waiting = make.levels("limit_waiting", "Steps that wait for a limit.", "limit")
        self.limits_rate = make.levels("limit_rate", "Let in per second, if some wait.", "limit")
        self.limits_next = make.levels("limit_next", "When the next one may go.", "limit")
        self.recoveries = make.counter("recoveries", "Runs rebuilt from their records.")
        self.events_handled = make.counters("events_handled", "Events decided upon.", "type")
        self.events_refused = make.counter("events_refused", "Events refused: not their sender's.")
        self.commands_rejected = make.counters("commands_rejected", "Commands refused.", "command")
        self.partitions = make.gauge("partitions", "Partitions of the namespace.")
        self.partitions_owned = make.gauge("partitions_owned", "Partitions scheduled here.")
        self.partitions_taken = make.counter("partitions_taken", "Partitions taken over.")

    def _of_the_api(self, make: _Make) -> None:
        """By servers of the API and the dashboard."""
        self.http_requests = make.counters(
            "http_requests", "Requests answered.", "endpoint", "status"
        )
        self.http_seconds = make.histograms(
            "http_request_seconds", "From a request to the begin of its answer.", "endpoint"
        )
        self.http_streams = make.gauge("http_streams", "Streams of events that are open.")

    def _of_processes(self, make: _Make) -> None:
        """By all."""
        self.build_info = make.levels("build_info", "What runs here.", "version", "python", "role")
        self.loop_lag = make.gauge("event_loop_lag_seconds", "How late the event loop answered.")
        self.payload_bytes = make.counters("payload_bytes", "Bytes of payloads.", "direction")
        self.reconnects = make.counter("reconnects", "Connections to the server made anew.")
        self.publish_errors = make.counter("publish_errors", "Messages without acknowledgement.")
        self.pulls_renewed = make.counter("pulls_renewed", "Consumers that had been forgotten.")

    def _of_the_server(self, make: _Make) -> None:
        """What it knows, as a coordinator asked it."""
        lane = ("queue", "priority")
        self.events_pending = make.levels("events_pending", "Events not delivered.", "partition")
        self.commands_pending = make.levels("commands_pending", "Commands not delivered.", "lane")
        self.steps_pending = make.levels("steps_pending", "Steps not delivered.", *lane)
        self.steps_in_flight = make.levels("steps_in_flight", "Steps not acknowledged.", *lane)
        self.step_requests = make.levels("step_requests", "Workers' requests that wait.", *lane)
        self.oldest_step = make.levels("oldest_step_seconds", "Age of the first one.", *lane)
        self.queue_paused = make.levels("queue_paused", "1: it hands nothing out.", *lane)
        self.schedules = make.levels("schedules", "Schedules that there are.", "state")
        self.stream_messages = make.levels("stream_messages", "Messages stored.", "stream")
        self.stream_bytes = make.levels("stream_bytes", "Bytes stored.", "stream")
        self.storage_bytes = make.gauge("storage_bytes", "Bytes stored for the account.")
        self.storage_limit = make.gauge("storage_limit_bytes", "As many may be; 0 for any number.")
        self.present_coordinators = make.gauge("present_coordinators", "Coordinators there.")
        self.present_workers = make.levels("present_workers", "Workers there.", "queue")
        self.present_slots = make.levels("present_slots", "Their slots.", "queue")
        self.present_running = make.levels("present_running", "Attempts they run.", "queue")
        self.present_draining = make.levels("present_draining", "Processes that drain.", "role")
        self.measured = make.gauge("measured_timestamp_seconds", "When the server was asked.")

    def forget_common(self) -> None:
        """Another process says what is common to all."""
        for gauge in (
            self.storage_bytes,
            self.storage_limit,
            self.present_coordinators,
            self.measured,
        ):
            gauge.set(0)
        for levels in (
            self.commands_pending,
            self.steps_pending,
            self.steps_in_flight,
            self.step_requests,
            self.oldest_step,
            self.queue_paused,
            self.schedules,
            self.stream_messages,
            self.stream_bytes,
            self.present_workers,
            self.present_slots,
            self.present_running,
            self.present_draining,
        ):
            levels.replace({})


class _Make:
    """Makes metrics."""

    def __init__(self, registry: CollectorRegistry, *, workflows: bool, handlers: bool) -> None:
        self._registry = registry
        self._names = {
            "workflow": NameLabel(wanted=workflows),
            "handler": NameLabel(wanted=handlers),
            "queue": NameLabel(wanted=True),
            "type": NameLabel(wanted=True),  # whatever an event says
        }

    def counter(self, name: str, text: str) -> Counter:
        return Counter(f"flowworker_{name}", text, registry=self._registry)

    def gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"flowworker_{name}", text, registry=self._registry)

    def counters(self, name: str, text: str, *labels: str) -> Series[Counter]:
        counter = Counter(f"flowworker_{name}", text, labels, registry=self._registry)
        return Series(counter, self._names)

    def levels(self, name: str, text: str, *labels: str) -> Levels:
        return Levels(Gauge(f"flowworker_{name}", text, labels, registry=self._registry))

    def histograms(
        self, name: str, text: str, *labels: str, buckets: tuple[float, ...] = _SECONDS
    ) -> Series[Histogram]:
        histogram = Histogram(
            f"flowworker_{name}", text, labels, buckets=buckets, registry=self._registry
        )
        return Series(histogram, self._names)
