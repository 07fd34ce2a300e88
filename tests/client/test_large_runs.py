"""Runs of very many steps, as a client sees them: their records are read together."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flowworker.client import Client, looking
from flowworker.codec.keys import step_key
from flowworker.core.model import Step, Workflow
from flowworker.core.payload import EMPTY
from flowworker.core.records import RunRecord, StepRecord
from flowworker.core.status import Kind, Outcome, RunStatus, StepStatus
from flowworker.definitions import content_hash
from flowworker.stores.stores import stores_of
from tests.support import backends

STEPS = 450
WORKFLOW = Workflow("wide", tuple(Step(f"s{n}", "work") for n in range(STEPS)))


class Counted:
    """Records that say how often they were read one by one."""

    def __init__(self, records, most):
        self._records = records
        self._most = most
        self.read_alone = 0

    async def read(self, key):
        self.read_alone += 1
        return await self._records.read(key)

    async def few(self, patterns, most):
        return await self._records.few(patterns, min(most, self._most))

    def __getattr__(self, name):
        return getattr(self._records, name)


async def save(stores):
    """A run of which each step but the last has succeeded; the one before it cannot be read."""
    await stores.definitions.register(WORKFLOW)
    digest = content_hash(WORKFLOW)
    await stores.runs.save(RunRecord("run-1", "wide", digest, RunStatus.RUNNING, EMPTY, 1.0), 0)
    for step in WORKFLOW.steps[:-1]:
        record = StepRecord("run-1", step.id, Kind.RUN, 1, 1, Outcome.COMPLETED, output=EMPTY)
        await stores.runs.save_step("default", record, 0)
    await stores.backend.runs.put(step_key("default", "run-1", f"s{STEPS - 2}"), b"no record")


ITSELF = 2
"""The run's own record is read from the leader: whether there is one, and what it says."""


@pytest.mark.parametrize(
    ("large", "most", "alone"),
    [(100, 1000, 0), (100, 199, 400), (500, 1000, STEPS - 1)],
    ids=["many", "not in one answer", "few"],
)
async def test_many_steps_are_read_together_if_that_is_possible(monkeypatch, large, most, alone):
    monkeypatch.setattr(looking, "LARGE", large)
    async with backends.memory() as backend:
        await save(stores_of(backend))
        records = Counted(backend.runs, most)
        client = Client(stores_of(replace(backend, runs=records)))

        view = await client.status("run-1")

    states = [step.status for step in view.steps]
    assert states == [*[StepStatus.COMPLETED] * (STEPS - 2), StepStatus.PENDING, StepStatus.PENDING]
    assert len(view.problems) == 1
    assert records.read_alone == ITSELF + alone
