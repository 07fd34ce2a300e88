"""Steps: every rule, with the exact place and words of what breaks it."""

from __future__ import annotations

import pytest

from flowworker.definitions import parse
from flowworker.errors import DefinitionError
from tests.definitions.complaints import DURATION_RULE, NAME_RULE, in_step, problems


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("depend_on: b", "3:3: unknown key 'depend_on' in step 'a' (did you mean 'depends_on'?)"),
        ("name: [x]", "3:9: 'name' of step 'a': expected text, found a list"),
        (
            "queue: gpu.large",
            "3:10: 'queue' of step 'a': expected at most 128 letters, digits, '_' and '-', "
            "found 'gpu.large'",
        ),
        (
            "queue: upload",
            "3:10: step 'a': queue 'upload' is no queue of workers (choose another name)",
        ),
        ("timeout: 1x", f"3:12: 'timeout' of step 'a': expected {DURATION_RULE}, found '1x'"),
        ("depends_on: [bb]", "3:16: step 'a' depends on unknown step 'bb' (did you mean 'b'?)"),
        ("depends_on: zz", "3:15: step 'a' depends on unknown step 'zz'"),
        ("depends_on: [b, a]", "3:19: step 'a' depends on itself"),
        ("depends_on: [b, b]", "3:19: 'depends_on' of step 'a' has 'b' twice"),
        (
            "depends_on: [[b]]",
            f"3:16: 'depends_on' of step 'a': expected {NAME_RULE}, found a list",
        ),
        (
            "depends_on: {b: }",
            f"3:15: 'depends_on' of step 'a': expected {NAME_RULE}, found a mapping",
        ),
        (
            "depends_on: ['']",
            f"3:16: 'depends_on' of step 'a': expected {NAME_RULE}, found an empty text",
        ),
        (
            "max_retries: -1",
            "3:16: 'max_retries' of step 'a': expected a whole number from 0 to 999, found -1",
        ),
        (
            "max_retries: 1.5",
            "3:16: 'max_retries' of step 'a': expected a whole number from 0 to 999, found 1.5",
        ),
        (
            "retry: {attempts: 3}",
            "3:11: unknown key 'attempts' in retry of step 'a' (did you mean 'max_attempts'? it "
            "counts the first one too)",
        ),
        (
            "retry: {max_attempts: 0}",
            "3:25: 'max_attempts' of retry of step 'a': expected a whole number from 1 to 1000, "
            "found 0",
        ),
        (
            "retry: {max_attempts: true}",
            "3:25: 'max_attempts' of retry of step 'a': expected a whole number from 1 to 1000, "
            "found true",
        ),
        (
            "retry: {backoff: linear}",
            "3:20: 'backoff' of retry of step 'a': expected one of constant, exponential, "
            "found 'linear'",
        ),
        (
            "retry: {interval: 0}",
            "3:21: 'interval' of retry of step 'a': expected a duration greater than 0, found 0",
        ),
        (
            "retry: {interval: 1s, max_interval: 100ms}",
            "3:39: 'max_interval' of retry of step 'a' is shorter than its interval "
            "(the interval is 1s)",
        ),
        (
            "retry: {max_interval: 50ms}",
            "3:25: 'max_interval' of retry of step 'a' is shorter than its interval "
            "(the interval is 100ms)",
        ),
        (
            "retry: {jitter: 1.5}",
            "3:19: 'jitter' of retry of step 'a': expected a number from 0 to 1, found 1.5",
        ),
        (
            "retry: {jitter: true}",
            "3:19: 'jitter' of retry of step 'a': expected a number from 0 to 1, found true",
        ),
        (
            "retry: {non_retryable: [A, A]}",
            "3:30: 'non_retryable' of retry of step 'a' has 'A' twice",
        ),
        ("fallback: [u]", "3:13: 'fallback' of step 'a': expected a mapping, found a list"),
        ("fallback: u v", f"3:13: 'fallback' of step 'a': expected {NAME_RULE}, found 'u v'"),
        ("fallback: {}", "3:13: missing 'uses' in fallback of step 'a'"),
        (
            "fallback: {uses: u, step: v}",
            "3:29: both 'uses' and 'step' in fallback of step 'a' "
            "(they mean the same; keep 'uses')",
        ),
        (
            "escalation: {strategy: wait}",
            "3:26: 'strategy' of escalation of step 'a': expected wait_human, found 'wait'",
        ),
        (
            "escalation: yes",
            "3:15: 'escalation' of step 'a': expected wait_human or a mapping, found 'yes'",
        ),
        ("saga: u v", f"3:9: 'saga' of step 'a': expected {NAME_RULE}, found 'u v'"),
        ("saga: {is_critical: true}", "3:9: missing 'uses' in saga of step 'a'"),
        (
            "saga: {uses: u, retry: {jitter: x}}",
            "3:35: 'jitter' of retry of saga of step 'a': expected a number from 0 to 1, found 'x'",
        ),
        (
            "saga: {uses: u, timeout: 0}",
            "3:28: 'timeout' of saga of step 'a': expected a duration greater than 0, found 0",
        ),
    ],
)
def test_keys_of_a_step(line, expected):
    assert in_step(line) == [f"f.yaml:{expected}"]


def test_two_numbers_of_attempts_must_agree():
    text = """
name: w
steps:
  - {id: a, uses: u, max_retries: 2, retry: {max_attempts: 3}}
  - {id: b, uses: u, max_retries: 2, retry: {max_attempts: 5}}
  - {id: c, uses: u, max_retries: 2, retry: {max_attempts: 0}}
"""
    assert problems(text) == [
        "f.yaml:5:35: 'max_retries' of step 'b' means 3 attempts "
        "(but its retry has 'max_attempts' 5; keep one of them)",
        "f.yaml:6:60: 'max_attempts' of retry of step 'c': expected a whole number from 1 to 1000, "
        "found 0",
    ]


def test_duplicate_ids_name_the_first():
    text = "name: w\nsteps:\n- {id: a, uses: u}\n- {id: b, uses: u}\n- {id: a, uses: u}\n"
    assert problems(text) == ["f.yaml:5:8: duplicate step id 'a' (the first is on line 3)"]


class TestCycles:
    def cycles(self, **depends_on):
        steps = "".join(
            f"- {{id: {step}, depends_on: [{', '.join(deps)}], uses: u}}\n"
            for step, deps in depends_on.items()
        )
        return problems(f"name: w\nsteps:\n{steps}")

    def test_a_cycle_is_reported_with_its_path(self):
        found = self.cycles(start=[], a=["start", "c"], b=["a"], c=["b"], end=["c"])
        assert found == ["f.yaml:4:31: circular dependency: a -> c -> b -> a"]

    def test_each_cycle_is_reported(self):
        found = self.cycles(a=["b"], b=["a", "c"], c=["b"], x=["y"], y=["x"])
        assert found == [
            "f.yaml:3:24: circular dependency: a -> b -> a",
            "f.yaml:4:27: circular dependency: b -> c -> b",
            "f.yaml:6:24: circular dependency: x -> y -> x",
        ]

    def test_so_many_cycles_are_not_all_reported(self):
        pairs = {f"a{i}": [f"b{i}"] for i in range(50)} | {f"b{i}": [f"a{i}"] for i in range(50)}
        assert len(self.cycles(**pairs)) == 10

    def test_a_long_path_is_cut_short(self):
        ring = {f"s{i}": [f"s{(i + 1) % 500}"] for i in range(500)}
        (problem,) = self.cycles(**ring)
        path = " -> ".join(f"s{i}" for i in range(10))
        assert problem == f"f.yaml:3:25: circular dependency: {path} -> ... -> s0"


class TestHandlers:
    TEXT = """
name: w
steps:
  - {id: a, uses: payments.charge, fallback: payments.refnd, saga: {uses: payments.refund}}
  - {id: b, uses: zzz, fallback: {step: payments.chrge}, saga: {uses: paymentsrefund}}
"""
    KNOWN = ("payments.charge", "payments.refund")

    def test_handlers_that_nobody_has_are_problems(self):
        assert problems(self.TEXT, known_handlers=set(self.KNOWN)) == [
            "f.yaml:4:46: unknown handler 'payments.refnd' in step 'a' "
            "(did you mean 'payments.refund'?)",
            "f.yaml:5:19: unknown handler 'zzz' in step 'b'",
            "f.yaml:5:41: unknown handler 'payments.chrge' in fallback of step 'b' "
            "(did you mean 'payments.charge'?)",
            "f.yaml:5:71: unknown handler 'paymentsrefund' in saga of step 'b' "
            "(did you mean 'payments.refund'?)",
        ]

    def test_they_are_not_asked_for_without_a_list(self):
        assert parse(self.TEXT).name == "w"

    def test_an_empty_list_knows_none(self):
        assert len(problems(self.TEXT, known_handlers=[])) == 6


@pytest.mark.parametrize("step", ["input", "_workflow_id"])
def test_a_step_may_not_hide_a_key_of_the_input(step):
    with pytest.raises(DefinitionError, match=r"1:24: step .* key of every step's input"):
        parse(f"{{name: w, steps: [{{id: {step}, uses: h}}]}}")
