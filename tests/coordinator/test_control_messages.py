"""Control messages that say what cannot be, and answers whose outputs cannot be kept."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from flowworker.codec.json import encode
from flowworker.coordinator.commands.controls import Controls
from flowworker.coordinator.commands.inbox import NotYet
from flowworker.coordinator.commands.rejection import Rejected
from flowworker.coordinator.commands.uploads import Gone
from flowworker.core.payload import EMPTY, Stored
from flowworker.core.records import RunRecord
from flowworker.core.status import RunStatus
from flowworker.settings import Settings
from flowworker.stores.payloads import PayloadStore
from flowworker.stores.runs import RunStore
from flowworker.stores.stores import stores_of
from tests.support.histories import bodies

RUN = "r1"
SETTINGS = Settings(payload_limit=5_000)


@pytest.fixture
def payloads(backend):
    return PayloadStore(backend.payloads, SETTINGS)


@pytest.fixture
async def take(backend, payloads, clock):
    """One message about a run that waits for an answer, sent now."""
    runs = RunStore(backend.runs)
    await runs.save(RunRecord(RUN, "one", "def", RunStatus.WAITING_HUMAN, EMPTY, clock.now()), 0)
    controls = Controls(stores_of(backend, SETTINGS), clock)

    async def take(rest, body=None, age=0.0):
        data = encode(body or {})
        await controls.take(
            rest, SimpleNamespace(data=data, sequence=7, time=clock.now() - age, delivered=1)
        )

    return take


def completed(**how):
    return {"action": "complete", "step": "a", **how}


@pytest.mark.parametrize("rest", [f"stop.{RUN}", "cancel.a b", "cancel"])
async def test_an_action_that_is_unknown_or_a_run_that_cannot_be_is_rejected(take, rest):
    with pytest.raises(
        Rejected, match=r"expected control\.<cancel, terminate, pause, unpause, .*>\.<run id>"
    ):
        await take(rest)


async def test_an_answer_says_what_to_do(backend, take):
    with pytest.raises(Rejected, match="`action` is missing: expected one of"):
        await take(f"resume.{RUN}", {"step": "a"})

    assert await bodies(backend.events, RUN) == []


async def test_an_upload_that_is_no_json_is_no_output(take, payloads):
    stored = await payloads.upload(RUN, "answer", b"no JSON")

    with pytest.raises(Rejected, match="is not JSON"):
        await take(f"resume.{RUN}", completed(stored=stored))


@pytest.mark.parametrize(("age", "error"), [(0.0, NotYet), (3600.0, Gone)])
async def test_an_upload_that_is_not_there_may_be_a_stale_answer(take, age, error):
    nowhere = Stored(f"{RUN}.upload.gone", 2, "0" * 64)

    with pytest.raises(error):
        await take(f"resume.{RUN}", completed(stored=nowhere), age)


async def test_an_output_that_is_kept_nowhere_is_rejected(take):
    with pytest.raises(Rejected, match="6,002 bytes exceed the limit of 5,000 bytes"):
        await take(f"resume.{RUN}", completed(output="x" * 6_000))
