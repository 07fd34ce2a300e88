"""The connection to a fleet, as far as it needs none."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from flowworker.clock import SystemClock
from flowworker.errors import PermissionDenied
from flowworker.ports import Finding
from flowworker.settings import Settings
from flowworker.telemetry.metrics import Metrics
from flowworker.web.fleet import FleetLink


def never():
    raise AssertionError("nobody connects here")


async def test_what_may_not_be_looked_at_is_a_finding_after_those_before_it():
    async def examine():
        yield Finding("server", ok=True, found="there")
        raise PermissionDenied("user 'vera' may not ask")

    metrics = Metrics(CollectorRegistry())
    link = FleetLink(never, examine, Settings(), SystemClock(), metrics)

    first, last = await link.examined()

    assert first.found == "there"
    assert (last.check, last.ok, last.found) == ("rights", False, "user 'vera' may not ask")
    assert "flowworker doctor" in last.advice
