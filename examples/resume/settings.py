"""Short leases, so that what a killed process held is free within seconds."""

from __future__ import annotations

from pathlib import Path

from flowworker import Settings, Workflow, parse

WORKFLOW = "resume.order"
FILE = Path(__file__).with_name("workflow.yaml")
LEASE = 3
ENVIRONMENT = {
    "FLOWWORKER_LEASE": str(LEASE),
    "FLOWWORKER_PARTITION_LEASE": "2",
    "FLOWWORKER_SWEEP": "1",
}
"""For the processes of a fleet."""

SETTINGS = Settings(lease=LEASE, partition_lease=2, sweep=1)
"""The same for a runner."""


def load() -> Workflow:
    return parse(FILE.read_text("utf-8"))
