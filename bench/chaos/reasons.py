"""Whether what `why` said was so: each reason against the records, as of when it was given.

A sample says between which two revisions all that it is based on was read. A reason is true if it
was true of the records at a moment between them; what the records cannot say of it (that no worker
is there) needs a fault that explains it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from bench.chaos.case import TERMINAL, Json
from bench.chaos.past import Asked, Unseen, internal_id
from bench.chaos.truth import RULES

ABSENT = {"no_worker", "no_coordinator", "lost_worker"}
"""Reasons that say that a process is not there."""


def judge(asked: Asked, judged: Counter[str]) -> Iterator[str]:
    """What was said and was not so, or was not said and should have been; counts what it judged.

    A reason of which a write was missed that it may be based on counts as one of kind `unseen`.
    """
    at = f"between {asked.sample['before']} and {asked.sample['after']}"
    said = [("", one) for one in asked.sample["reasons"]]
    for step, about in asked.sample["steps"].items():
        said += [(internal_id(step), one) for one in about["reasons"]]
    for step, reason in said:
        try:
            text = _untrue(asked, step, reason)
        except Unseen:
            judged["unseen"] += 1
            continue
        judged[reason["kind"]] += 1
        if text:
            yield f"{step or 'the run'} {at}: {reason['kind']} ({reason['text']}), and {text}"
    for text in _unmentioned(asked):
        yield f"{at}: {text}"


def _untrue(asked: Asked, step: str, reason: Json) -> str:
    kind = reason["kind"]
    if kind in ABSENT and (text := asked.disturbed.denies(kind, reason, asked.sample)):
        return text
    rule = RULES.get(kind)
    if rule is None:
        return "nothing in a campaign leads to that"
    return rule(asked, step, reason)


def _unmentioned(asked: Asked) -> Iterator[str]:
    """Steps that had not ended and have no reason, and ended runs that are said to go on."""
    sample = asked.sample
    with_reasons = {internal_id(step) for step in sample["steps"]}
    try:
        statuses = {"PENDING" if one is None else one["status"] for one in asked.was("")}
        if sample["status"] not in statuses:
            yield f"the run is {sample['status']}, and was {sorted(statuses)}"
        if sample["status"] in TERMINAL:
            if with_reasons or sample["reasons"]:
                yield f"the run is {sample['status']}, and something waits"
            return
        if not statuses & TERMINAL and not (with_reasons or sample["reasons"]):
            yield "the run had not ended, and nothing waits"
    except Unseen:
        return
    for step in {*asked.past.steps, *asked.case.definition} - with_reasons:
        try:
            if asked.was_open(step):
                yield f"{step} had not ended, and has no reason"
        except Unseen:
            continue
