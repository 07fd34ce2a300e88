"""How the questions of a decision were answered then, as the records that follow show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flowworker.codec.json import decode_run, decode_step
from flowworker.codec.messages import decode_step_message
from flowworker.core.attempt import Attempt
from flowworker.core.effects import Conclude, Expand, Gather, Judge, Question, Repeat
from flowworker.core.facts import Concluded, Expanded, Fact, Judged, Repeated
from flowworker.core.records import StepRecord
from flowworker.core.status import Outcome
from tests.recorded.files import Message

STEPS = ("flowworker.step.", "flowworker.timer.at.step.")
"""What subjects of step messages begin with; one without a body shows that a step waits."""


def answer(question: Question, later: Iterable[Message]) -> Fact | None:
    """The fact that was the answer; None if there was none, or if it stands in a step's record."""
    match question:
        case Conclude():
            runs = (each for each in later if each.key.startswith("run."))
            found = next((decode_run(each.key, each.data) for each in runs), None)
            return None if found is None else Concluded(found.output)
        case Expand(step):
            for record, revision in _records(step, later):
                if record.items is not None:
                    return Expanded(step, record.items, record.count, revision)
        case Judge(step, attempt):
            if _has_begun(step, attempt, later):
                return Judged(step)
        case Repeat(step, attempt):
            if _has_begun(step, attempt.repeated, later):
                return Repeated(step, attempt, 0.0)
        case Gather():
            pass
    return None


def _records(step: str, later: Iterable[Message]) -> Iterator[tuple[StepRecord, int]]:
    for each in later:
        if each.key.startswith("step."):
            record = decode_step(each.key, each.data)
            if record.step == step:
                yield record, each.sequence


def _has_begun(step: str, attempt: Attempt, later: Iterable[Message]) -> bool:
    """Whether an attempt of a step was sent to workers, or claimed by a coordinator."""
    found = list(later)
    sent = (each for each in found if each.subject.startswith(STEPS) and each.data)
    wanted = [decode_step_message(each.data).wanted() for each in sent]
    if any((each.step, each.attempt) == (step, attempt) for each in wanted):
        return True
    return any(
        record.attempt == attempt and record.outcome is Outcome.RUNNING
        for record, _ in _records(step, found)
    )
