"""When a reason is true, by its kind, of the records as they were while it was asked for.

Each rule says what is not so, or nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from bench.chaos.case import Json
from bench.chaos.past import Asked, internal_id, shown_id

CLOSE = 0.01
"""Seconds by which sums of times differ."""


def seconds(duration: str) -> float:
    """Of `30ms` or `4s`."""
    if duration.endswith("ms"):
        return float(duration.removesuffix("ms")) / 1000
    return float(duration.removesuffix("s"))


def _claimed(
    asked: Asked, step: str, reason: Json, until: str, worker: str = "", child: str = ""
) -> str:
    """An attempt goes on, by whom it is said, from when until when it is said."""
    for one in asked.claims(step):
        by = (one.get("worker", ""), one.get("child", ""))
        moments = (one.get("started_at", 0.0), one.get(until, 0.0))
        if (by, moments) == ((worker, child), (reason["since"], reason["until"])):
            return ""
    return f"its record was {asked.was(step)}"


def _worker(asked: Asked, step: str, reason: Json) -> str:
    return _claimed(asked, step, reason, "lease_until", worker=reason["subjects"][0])


def _lost_worker(asked: Asked, step: str, reason: Json) -> str:
    worker = reason["subjects"][0]
    if any(one.get("worker") == worker for one in asked.claims(step)):
        return ""
    return f"its record was {asked.was(step)}"


def _child(asked: Asked, step: str, reason: Json) -> str:
    return _claimed(asked, step, reason, "wakes_at", child=reason["subjects"][0])


def _timer(asked: Asked, step: str, reason: Json) -> str:
    if "sleep" not in asked.case.defined(step):
        return "it is no step that sleeps"
    return _claimed(asked, step, reason, "wakes_at")


def _signal(asked: Asked, step: str, reason: Json) -> str:
    wanted = asked.case.defined(step).get("wait_for", {}).get("signal")
    if reason["subjects"] != [wanted]:
        return f"it waits for {wanted}"
    return _claimed(asked, step, reason, "wakes_at")


def _approval(asked: Asked, step: str, reason: Json) -> str:
    if "approval" not in asked.case.defined(step):
        return "it asks nobody"
    return _claimed(asked, step, reason, "wakes_at")


def _human(asked: Asked, step: str, reason: Json) -> str:
    if "escalation" not in asked.case.defined(step):
        return "no human is asked about it"
    failed = [one for one in asked.was(step) if one is not None and one["outcome"] == "FAILED"]
    if any(one.get("finished_at") == reason["since"] for one in failed):
        return ""
    return f"its record was {asked.was(step)}"


def _dependency(asked: Asked, step: str, reason: Json) -> str:
    needed, named = asked.case.defined(step).get("depends_on", []), reason["subjects"]
    if strange := set(named) - set(needed):
        return f"it does not depend on {sorted(strange)}"
    if left := [one for one in needed if one not in named and asked.was_open(one)]:
        return f"{left} had not ended either"
    return _named_over(asked, reason) or _begun(asked, step)


def _finally(asked: Asked, step: str, reason: Json) -> str:
    if "finally" not in asked.case.defined(step):
        return "it is no step of `finally`"
    return _named_over(asked, reason) or _begun(asked, step)


def _begun(asked: Asked, step: str) -> str:
    was = asked.was(step)
    return "" if None in was else f"it had begun: {was}"


def _named_over(asked: Asked, reason: Json) -> str:
    over = [one for one in reason["subjects"] if asked.had_ended(internal_id(one))]
    return f"{', '.join(over)} had ended" if over else ""


def _loop(asked: Asked, step: str, reason: Json) -> str:
    if not any(one.get("count") for one in asked.claims(step)):
        return f"its record was {asked.was(step)}"
    return _named_over(asked, reason)


def _limit(asked: Asked, step: str, reason: Json) -> str:
    """Of a loop, which instances have its places; else by which limit it is not let in.

    A run that is not has not begun.
    """
    if not step:
        waits = any(one is not None and one["status"] == "PENDING" for one in asked.was(""))
        return "" if waits else f"its run was {asked.was('')}"
    defined = asked.case.defined(step)
    named, unnamed = defined.get("limits", ()), ["own."] * ("concurrency" in defined)
    unnamed += ["fair."] * ("fairness" in defined)
    if any(one in named or one.startswith(tuple(unnamed)) for one in reason["subjects"]):
        return _unclaimed(asked, step, reason)
    most = (asked.case.defined(step).get("for_each") or {}).get("max_parallel")
    if most is None or len(reason["subjects"]) < most:
        return f"{most} instances may go on"
    return _named_over(asked, reason)


def _retry(asked: Asked, step: str, reason: Json) -> str:
    """It begins as long after its latest failure as was decided then."""
    kinds = ("workflow.step.retrying", "workflow.step.fallback")
    decided = (one["data"] for one in asked.case.distinct(*kinds))
    delays = [float(one["delay"]) for one in decided if one["step_id"] == step]
    for one in asked.was(step):
        if one is None or one.get("child"):
            moments = [] if one is None else [one["started_at"]]
        else:
            moments = [one.get("finished_at", 0.0) + delay for delay in delays]
        if any(abs(moment - reason["until"]) < CLOSE for moment in moments):
            return ""
    return f"its record was {asked.was(step)}, and delays {delays}"


def _iteration(asked: Asked, step: str, reason: Json) -> str:
    if "repeat" not in asked.case.defined(step):
        return "it is not repeated"
    pause = seconds(asked.case.defined(step)["repeat"]["interval"])
    for one in asked.was(step):
        ended = one is not None and one["outcome"] == "ITERATED" and one["finished_at"]
        if ended and abs(ended + pause - reason["until"]) < CLOSE:
            return ""
    return f"its record was {asked.was(step)}"


def _unclaimed(asked: Asked, step: str, _: Json) -> str:
    """Nobody executes it, and nothing is missing for that somebody does."""
    if not step:
        return ""
    was, answered = asked.was(step), asked.sample["answered"]
    if all(
        one is not None
        and one["outcome"] == "RUNNING"
        and one.get("worker")
        and one.get("lease_until", 0.0) > answered
        for one in was
    ):
        return f"a worker had it: {was}"
    if asked.sample["steps"][shown_id(step)]["status"] == "PENDING":
        return _early(asked, step)
    return ""


def _early(asked: Asked, step: str) -> str:
    """What it depends on and had not ended; a failure may decide about it before all has."""
    needed = [] if "/" in step else asked.case.defined(step).get("depends_on", [])
    left = [one for one in needed if asked.was_open(one)]
    decided = all(asked.had_ended(one) for one in needed if one not in left)
    return f"{left} had not ended" if left and decided else ""


def _queue(asked: Asked, step: str, reason: Json) -> str:
    defined = asked.case.defined(step)
    if not defined.get("uses"):
        return "no worker executes it"
    if reason["subjects"] != [defined.get("queue", "default")]:
        return f"its queue is {defined.get('queue', 'default')}"
    if reason["since"] > asked.sample["answered"]:
        return "its message is of later"
    return _unclaimed(asked, step, reason)


def _stopping(asked: Asked, step: str, _: Json) -> str:
    """Its run stops, or an instance of its loop has failed."""
    if any(one is not None and one.get("stop") for one in asked.was("")):
        return ""
    loop = step.partition("/")[0]
    for instance in asked.past.steps:
        failed = any(one is not None and one["outcome"] == "FAILED" for one in asked.was(instance))
        if failed and instance.startswith(f"{loop}/"):
            return ""
    return f"its run was {asked.was('')}"


def _compensation(asked: Asked, step: str, reason: Json) -> str:
    if not any(one is not None and one.get("stop") for one in asked.was("")):
        return f"its run was {asked.was('')}"
    if asked.case.defined(step).get("saga") is None:
        return "it has no compensation"
    undone = [
        one
        for one in map(internal_id, reason["subjects"])
        if all(
            each is not None and each["kind"] == "compensate" and each["outcome"] == "COMPLETED"
            for each in asked.was(one)
        )
    ]
    return f"{undone} were compensated" if undone else ""


def _start(asked: Asked, _: str, reason: Json) -> str:
    for one in asked.was(""):
        if reason["until"] == (0.0 if one is None else one.get("begins_at", 0.0)):
            return ""
    return f"its run was {asked.was('')}"


def _timeout(asked: Asked, step: str, reason: Json) -> str:
    """That of the run: no step of a campaign has one, but such as wait, whose records say it."""
    until, since = reason["until"], reason["since"]
    for one in asked.was(step):
        begun = {} if one is None else one
        waits = step and (begun.get("started_at"), begun.get("wakes_at")) == (since, until)
        limited = asked.limit and begun.get("created_at") == since
        if waits or (not step and limited and abs(since + asked.limit - until) < CLOSE):
            return ""
    return f"it was {asked.was(step)}, with {asked.limit:g} s"


RULES: dict[str, Callable[[Asked, str, Json], str]] = {
    "worker": _worker,
    "lost_worker": _lost_worker,
    "child": _child,
    "timer": _timer,
    "signal": _signal,
    "approval": _approval,
    "human": _human,
    "dependency": _dependency,
    "finally": _finally,
    "loop": _loop,
    "limit": _limit,
    "retry": _retry,
    "iteration": _iteration,
    "queue": _queue,
    "handed_out": _queue,
    "no_worker": _queue,
    "coordinator": _unclaimed,
    "no_coordinator": _unclaimed,
    "stopping": _stopping,
    "compensation": _compensation,
    "start": _start,
    "timeout": _timeout,
}
"""What is not so in a reason of that kind, or nothing. All workers of a campaign have all handlers,
and no record is broken."""
