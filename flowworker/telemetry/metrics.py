"""All metrics of the project, for Prometheus. Names begin with `flowworker_`."""

from __future__ import annotations

__all__ = ["Metrics"]

from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

_SECONDS = (0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 2.5, 10.0, 30.0, 60.0, 300.0, 1800.0)


class Metrics:
    """What one process counts. Several workers or coordinators in it share one.

    Attributes:
        attempts: by handler and outcome (completed, failed, cancelled, lost, released).
        handler_seconds: time in a handler, by handler.
        claims_lost: results refused because another worker had taken the claim over.
        put_back: deliveries for which no slot was free.
        handlers_missing: steps put back since their handler is not here, by handler.
        running: attempts in flight.
        left_behind: async handlers that go on though their attempts have ended.
        loop_lag: seconds that the event loop was late when it was last asked.
        events_handled: by event type.
        runs_finished: by status.
        runs_active: runs that this process keeps in memory.
        commands_rejected: by kind of command (start, control, signal).
        partitions_owned: partitions that this process schedules.
        recoveries: runs rebuilt from their records.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register everything with `registry`; twice with one is an error."""

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"flowworker_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"flowworker_{name}", text, registry=registry)

        self.attempts = counter("attempts", "Attempts that ended here.", "handler", "outcome")
        self.handler_seconds = Histogram(
            "flowworker_handler_seconds",
            "Time in a handler.",
            ("handler",),
            buckets=_SECONDS,
            registry=registry,
        )
        self.claims_lost = counter("claims_lost", "Results refused: the claim was taken over.")
        self.put_back = counter("deliveries_put_back", "Deliveries for which no slot was free.")
        self.handlers_missing = counter(
            "handlers_missing", "Steps put back: their handler is not here.", "handler"
        )
        self.running = gauge("attempts_running", "Attempts in flight.")
        self.left_behind = gauge("handlers_left_behind", "Async handlers that ignored their end.")
        self.loop_lag = gauge("event_loop_lag_seconds", "How late the event loop answered.")

        self.events_handled = counter("events_handled", "Events decided upon.", "type")
        self.runs_finished = counter("runs_finished", "Runs that ended.", "status")
        self.runs_active = gauge("runs_active", "Runs kept in memory.")
        self.commands_rejected = counter("commands_rejected", "Commands refused.", "command")
        self.partitions_owned = gauge("partitions_owned", "Partitions scheduled here.")
        self.recoveries = counter("recoveries", "Runs rebuilt from their records.")
