"""Trigger rules, held against Airflow's.

The rows are Airflow's own: what its documentation ("Core Concepts: Dags: Trigger Rules") says of
each rule, and where that leaves something open, what its scheduler makes of a task whose upstream
tasks are all over (`airflow/ti_deps/deps/trigger_rule_dep.py`, as of Airflow 3.1). Open are: which
rules end as `skipped` and which as `upstream_failed`; that `one_done` asks for a task that did
something, so that `upstream_failed` does not count; and that `all_done_min_one_success` is skipped
as soon as one upstream task is, which its documentation does not say.
"""

from __future__ import annotations

from itertools import permutations, product

import pytest

from flowworker.core.model import TriggerRule
from flowworker.core.rules import NOTHING, Resolution, Tally, Verdict, verdict

RESOLUTIONS = {
    "S": Resolution.SUCCESS,
    "F": Resolution.FAILED,
    "U": Resolution.UPSTREAM_FAILED,
    "K": Resolution.SKIPPED,
}
VERDICTS = {"R": Verdict.RUN, "S": Verdict.SKIP, "F": Verdict.FAIL}

# How two or three upstream tasks ended (success, failed, upstream_failed, sKipped), and whether
# the task then Runs, is Skipped, or is upstream_Failed, under each rule.
COLUMNS = """
    all_success all_failed all_done all_skipped one_success one_failed one_done
    none_failed none_failed_min_one_success all_done_min_one_success none_skipped always
"""
TABLE = """
    SS     R    S    R    S    R    S    R    R    R    R    R    R
    SF     F    S    R    S    R    R    R    F    F    R    R    R
    SU     F    S    R    S    R    R    R    F    F    R    R    R
    SK     S    S    R    S    R    S    R    R    R    S    S    R
    FF     F    R    R    S    F    R    R    F    F    F    R    R
    FU     F    R    R    S    F    R    R    F    F    F    R    R
    FK     F    S    R    S    F    R    R    F    F    S    S    R
    UU     F    R    R    S    F    R    S    F    F    F    R    R
    UK     F    S    R    S    F    R    S    F    F    S    S    R
    KK     S    S    R    R    S    S    S    R    S    S    S    R
    SSS    R    S    R    S    R    S    R    R    R    R    R    R
    SSF    F    S    R    S    R    R    R    F    F    R    R    R
    SSU    F    S    R    S    R    R    R    F    F    R    R    R
    SSK    S    S    R    S    R    S    R    R    R    S    S    R
    SFF    F    S    R    S    R    R    R    F    F    R    R    R
    SFU    F    S    R    S    R    R    R    F    F    R    R    R
    SFK    F    S    R    S    R    R    R    F    F    S    S    R
    SUU    F    S    R    S    R    R    R    F    F    R    R    R
    SUK    F    S    R    S    R    R    R    F    F    S    S    R
    SKK    S    S    R    S    R    S    R    R    R    S    S    R
    FFF    F    R    R    S    F    R    R    F    F    F    R    R
    FFU    F    R    R    S    F    R    R    F    F    F    R    R
    FFK    F    S    R    S    F    R    R    F    F    S    S    R
    FUU    F    R    R    S    F    R    R    F    F    F    R    R
    FUK    F    S    R    S    F    R    R    F    F    S    S    R
    FKK    F    S    R    S    F    R    R    F    F    S    S    R
    UUU    F    R    R    S    F    R    S    F    F    F    R    R
    UUK    F    S    R    S    F    R    S    F    F    S    S    R
    UKK    F    S    R    S    F    R    S    F    F    S    S    R
    KKK    S    S    R    R    S    S    S    R    S    S    S    R
"""
RULES = [TriggerRule(name) for name in COLUMNS.split()]
ROWS = {
    row[0]: dict(zip(RULES, row[1:], strict=True))
    for row in map(str.split, TABLE.strip().splitlines())
}
CASES = [(rule, ended, row[rule]) for ended, row in ROWS.items() for rule in RULES]

# "does not wait for all upstream tasks to be done", and "run this task at any time"
AT_ONCE = {
    TriggerRule.ONE_SUCCESS: "S",
    TriggerRule.ONE_FAILED: "FU",
    TriggerRule.ONE_DONE: "SF",
}


def tally_of(ended) -> Tally:
    tally = NOTHING
    for letter in ended:
        tally = tally.plus(RESOLUTIONS[letter])
    return tally


def test_the_table_has_every_rule_and_every_combination():
    assert set(RULES) == set(TriggerRule)
    combinations = {"".join(sorted(ended)) for n in (2, 3) for ended in product("SFUK", repeat=n)}
    assert {"".join(sorted(ended)) for ended in ROWS} == combinations


@pytest.mark.parametrize(("rule", "ended", "expected"), CASES, ids=str)
def test_what_becomes_of_a_step_is_what_airflow_makes_of_it(rule, ended, expected):
    for order in set(permutations(ended)):
        assert verdict(rule, tally_of(order), len(order)) is VERDICTS[expected]


@pytest.mark.parametrize("rule", RULES)
def test_a_verdict_is_final_and_there_is_one_at_the_end(rule):
    for dependencies in (1, 2, 3, 4):
        for order in product("SFUK", repeat=dependencies):
            verdicts = [
                verdict(rule, tally_of(order[:number]), dependencies)
                for number in range(dependencies + 1)
            ]
            decided = [one for one in verdicts if one is not Verdict.WAIT]
            assert decided
            assert decided == [verdicts[-1]] * len(decided)


@pytest.mark.parametrize(("rule", "letters"), AT_ONCE.items())
def test_a_rule_that_asks_for_one_does_not_wait_for_the_others(rule, letters):
    for letter in "SFUK":
        expected = Verdict.RUN if letter in letters else Verdict.WAIT
        assert verdict(rule, tally_of(letter), 3) is expected


@pytest.mark.parametrize("rule", RULES)
def test_nothing_but_always_runs_before_any_dependency_is_over(rule):
    expected = Verdict.RUN if rule is TriggerRule.ALWAYS else Verdict.WAIT
    assert verdict(rule, NOTHING, 2) is expected


@pytest.mark.parametrize("rule", RULES)
def test_a_step_without_dependencies_runs(rule):
    assert verdict(rule, NOTHING, 0) is Verdict.RUN
