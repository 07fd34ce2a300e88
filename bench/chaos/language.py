"""The rules of what runs at all, by conditions, early ends, `finally`, reruns; and of what waits.

Trigger rules and conditions are judged here anew, from the events alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bench.chaos.case import Case, Json

STEP = "workflow.step."
SUCCESS, FAILURE, SKIP = "success", "failure", "skip"
ROUNDING = 0.01
"""Milliseconds by which sums of times differ."""
CONDITIONS: dict[str, Callable[[Json], bool]] = {
    "input.odd": lambda given: bool(given["odd"]),
    "!input.odd": lambda given: not given["odd"],
}
"""Those that follow from the run's input."""


def problems(case: Case) -> Iterator[str]:
    """Whatever ran and should not have, or should have and did not."""
    for rule in (_skipped, _conditions, _rules, _ended, _finally, _kept, _attempts, _given):
        yield from rule(case)


def waiting(case: Case) -> Iterator[str]:
    """The same of steps that wait: for a time, a signal, a human."""
    for rule in (_naps, _signals, _order_of_signals, _approvals):
        yield from rule(case)


def _executed(case: Case) -> set[str]:
    """Steps of which a handler was called, whatever for but to undo them."""
    notes = [note for note in case.notes if note["what"] == "begin" and not _undoes(case, note)]
    return {part for note in notes for part in (note["step"], note["step"].partition("/")[0])}


def _undoes(case: Case, note: Json) -> bool:
    defined = case.defined(note["step"])
    return bool(note["uses"] == (defined.get("saga") or {}).get("uses"))


def _skipped(case: Case) -> Iterator[str]:
    executed = _executed(case)
    for event in case.distinct(f"{STEP}skipped"):
        data = event["data"]
        if data.get("reason") and data["step_id"] in executed:
            yield f"{data['step_id']} was skipped ({data['reason']}), and a handler was called"


def _conditions(case: Case) -> Iterator[str]:
    """A step that completed had a true one, a step that was skipped by it a false one."""
    given = (case.record.get("input") or {}).get("data")
    by_condition = _skips(case)
    for step, defined in case.definition.items():
        judge = CONDITIONS.get(defined.get("when", ""))
        if judge is None or given is None:
            continue
        if judge(given) and by_condition.get(step) == "when":
            yield f"{step} was skipped by a condition that is true"
        if not judge(given) and case.position(f"{STEP}completed", step) is not None:
            yield f"{step} was completed, and its condition is false"


def _skips(case: Case) -> dict[str, str]:
    """Why steps were skipped; empty if an operator wanted it."""
    found = case.distinct(f"{STEP}skipped")
    return {event["data"]["step_id"]: event["data"].get("reason", "") for event in found}


def _rules(case: Case) -> Iterator[str]:
    """In a run that came to its end, each step ran or was skipped as its trigger rule says."""
    if case.status != "COMPLETED" or case.stop or case.record.get("rerun_of"):
        return
    resolved = _resolutions(case)
    skips = _skips(case)
    for step, defined in case.definition.items():
        found = [resolved.get(one, "nothing") for one in defined.get("depends_on", ())]
        expected = _expected(defined.get("trigger_rule", "all_success"), found)
        actual = skips.get(step, "")
        if actual not in ({"", "when"} if expected is None else {expected}):
            yield f"{step} is {actual or 'not skipped'}, and its dependencies are {found}"
        if expected is not None and not actual:
            yield f"{step} ran, and its dependencies are {found}"


def _resolutions(case: Case) -> dict[str, str]:
    found = {e["data"]["step_id"]: FAILURE for e in case.distinct(f"{STEP}failed")}
    found |= {e["data"]["step_id"]: SUCCESS for e in case.distinct(f"{STEP}completed")}
    reasons = {"": SUCCESS, "upstream_failed": FAILURE}
    return found | {step: reasons.get(why, SKIP) for step, why in _skips(case).items()}


def _expected(rule: str, found: list[str]) -> str | None:
    """Why a step is skipped, or None if it is to run: of the rules that the workflows use."""
    match rule:
        case "all_success" if FAILURE in found:
            return "upstream_failed"
        case "all_success" if SKIP in found:
            return "upstream"
        case "one_failed" if FAILURE not in found:
            return "upstream"
        case "all_success" | "one_failed" | "all_done":
            return None
    raise ValueError(f"the checker does not know the trigger rule {rule}")


def _ended(case: Case) -> Iterator[str]:
    """Nothing begins because of what was completed after the step that ended the run."""
    ends = [step for step, defined in case.definition.items() if "end" in defined]
    by = [e for e in case.distinct(f"{STEP}completed") if e["data"]["step_id"] in ends]
    if len(by) > 1:
        yield f"ended by {[event['data']['step_id'] for event in by]}"
    if not by:
        return
    executed = _executed(case)
    for event in case.distinct(f"{STEP}completed"):
        if not _is_later(event, by[0]):
            continue
        for step, defined in case.definition.items():
            follows = event["data"]["step_id"] in defined.get("depends_on", ())
            if follows and step in executed and "finally" not in defined:
                yield f"{step} ran after {by[0]['data']['step_id']} had ended the run"


def _is_later(event: Json, end: Json) -> bool:
    return bool(event["_seq"] > end["_seq"] and event["data"]["revision"] > end["data"]["revision"])


def _finally(case: Case) -> Iterator[str]:
    """It comes last, and at each end but after a terminate or before a beginning."""
    last = [step for step, defined in case.definition.items() if "finally" in defined]
    undone = [e["_seq"] for e in case.distinct(f"{STEP}compensated", f"{STEP}compensation_failed")]
    over = (f"{STEP}completed", f"{STEP}failed", f"{STEP}skipped")
    for step in last:
        began = case.position(f"{STEP}started", step)
        if began is not None and undone and began < max(undone):
            yield f"{step} of `finally` began before the saga was over"
        ended = any(case.position(kind, step) is not None for kind in over)
        has_begun = case.position("workflow.started") is not None
        if case.is_over and case.stop != "terminated" and has_begun and not ended:
            yield f"{step} of `finally` is not over, and the run is {case.status}"


def _kept(case: Case) -> Iterator[str]:
    """What a rerun keeps is not executed again; it stands with the output that it had."""
    executed = _executed(case)
    for event in case.distinct(f"{STEP}kept"):
        step = event["data"]["step_id"]
        if step in executed:
            yield f"{step} was kept, and a handler was called"
        if case.position(f"{STEP}completed", step) is not None:
            yield f"{step} was kept, and completed again"


def _attempts(case: Case) -> Iterator[str]:
    """No more attempts than the policy allows."""
    for note in case.notes:
        defined = case.defined(note["step"])
        if note["what"] != "begin" or note["uses"] != defined.get("uses"):
            continue
        retry = defined.get("retry") or {}
        rules = retry if isinstance(retry, list) else [retry]
        allowed = sum(rule.get("max_attempts", 1) for rule in rules)
        if note["attempt"] > allowed:
            yield f"{note['step']} had attempt {note['attempt']} of {allowed}"


def _given(case: Case) -> Iterator[str]:
    """What `with` picks from another step is that step's result."""
    for note in case.notes:
        seen = note.get("seen") if note["what"] == "begin" else None
        if seen is not None and seen not in case.nonces("first"):
            yield f"{note['step']} was given {seen}, which no handler returned"


def _naps(case: Case) -> Iterator[str]:
    """None is too short, by the clocks of the coordinators that began and ended it."""
    began = {e["data"]["step_id"]: e["data"]["at"] for e in case.distinct(f"{STEP}started")}
    for event in case.distinct(f"{STEP}completed"):
        step = event["data"]["step_id"]
        nap = case.defined(step).get("sleep")
        slept = 1000 * (event["data"]["at"] - began[step]) if nap else 0.0
        if nap and slept + ROUNDING < float(nap.removesuffix("ms")):
            yield f"{step} slept {slept:.1f} ms of {nap}"


def _signals(case: Case) -> Iterator[str]:
    """Each signal is kept once, and is the result of one step at most."""
    texts = [signal["payload"].get("data") for signal in case.signals]
    if any(texts.count(text) > 1 for text in texts):
        yield f"a signal that was sent twice with one id was kept twice: {texts}"
    kept = {signal["id"]: signal["payload"].get("data") for signal in case.signals}
    used: dict[str, str] = {}
    for step, event in _heard(case).items():
        identity = case.steps[step].get("signal", "")
        if identity not in kept:
            yield f"{step} completed with the signal {identity}, which is not there"
        elif (event["data"].get("output") or {}).get("data") != kept[identity]:
            yield f"{step} completed with something else than its signal says"
        if used.setdefault(identity, step) != step:
            yield f"{step} and {used[identity]} have both completed with the signal {identity}"


def _heard(case: Case) -> dict[str, Json]:
    """Completions of steps that wait for signals."""
    return {
        event["data"]["step_id"]: event
        for event in case.distinct(f"{STEP}completed")
        if "wait_for" in case.defined(event["data"]["step_id"])
    }


def _order_of_signals(case: Case) -> Iterator[str]:
    """The oldest first: none is left lying that was kept before a step began to wait.

    By the times of coordinators, since events that were repaired stand anywhere.
    """
    kept = {
        event["id"].rpartition("/")[2]: event["data"]["at"]
        for event in case.distinct("workflow.signalled")
        if event["id"].count("/") == 2
    }
    records = [case.steps[step] for step in _heard(case)]
    used = {record.get("signal", ""): record for record in records}
    for record in records:
        for older, at in kept.items():
            later = used.get(older)
            free = later is None or later["started_at"] > record["finished_at"]
            if older < record.get("signal", "") and at < record["started_at"] and free:
                yield f"a step has the signal {record['signal']}, and {older} was there before"


def _approvals(case: Case) -> Iterator[str]:
    """An answer is published, and what follows is what it says."""
    answers = {"approve": f"{STEP}completed", "reject": f"{STEP}failed"}
    for step, defined in case.definition.items():
        if "approval" not in defined:
            continue
        given = {
            event["data"].get("action")
            for event in case.distinct("workflow.human_decided")
            if event["data"].get("step_id") == step
        }
        for action, kind in answers.items():
            if case.position(kind, step) is not None and action not in given:
                yield f"{step} has {kind}, and nobody did {action}"
