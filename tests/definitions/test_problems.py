"""Every rule, with the exact place and words of what breaks it."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowworker.definitions import content_hash, parse
from flowworker.definitions.document import MAX_STEPS, StepDocument, WorkflowDocument
from flowworker.definitions.problems import MAX_PROBLEMS, Report
from flowworker.definitions.tree import Mark
from flowworker.errors import DefinitionError, Problem
from tests.definitions.strategies import json_values, names

NAME_RULE = "at most 128 letters, digits, '_' and '-' joined by dots"
DURATION_RULE = "a duration such as 500ms, 30s or 1h30m"


def problems(text, **options):
    with pytest.raises(DefinitionError) as caught:
        parse(text, "f.yaml", **options)
    return [str(problem) for problem in caught.value.problems]


def in_workflow(line):
    """The problems of a line of a workflow; it is line 1."""
    return problems(f"{line}\nname: w\nsteps: [{{id: a, uses: u}}]\n")


def in_step(line):
    """The problems of a line of step 'a'; it is line 3, from column 3."""
    return problems(f"name: w\nsteps:\n- {line}\n  id: a\n  uses: u\n- {{id: b, uses: u}}\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["f.yaml: no workflow is defined here"]),
        ("# nothing\n---\n---\n", ["f.yaml: no workflow is defined here"]),
        ("- a\n", ["f.yaml:1:1: expected a mapping with 'name' and 'steps', found a list"]),
        ("hello\n", ["f.yaml:1:1: expected a mapping with 'name' and 'steps', found 'hello'"]),
        (
            "version: 1\n",
            [
                "f.yaml:1:1: missing 'name' in the workflow",
                "f.yaml:1:1: missing 'steps' in the workflow",
            ],
        ),
        (
            "name:\nversion: 1\nsteps:\n",
            [
                "f.yaml:1:1: 'name' of the workflow is empty: expected a name",
                "f.yaml:3:1: 'steps' of the workflow is empty: expected a list of steps",
            ],
        ),
        ("name: w\nsteps: []\n", ["f.yaml:2:8: a workflow has 1 to 10,000 steps, found 0"]),
        (
            "name: w\nsteps: {a: b}\n",
            [
                "f.yaml:2:8: 'steps' of the workflow: expected a list of steps, found a mapping "
                "(a step begins with '- id:')"
            ],
        ),
        (
            "name: w\nsteps:\n  a: {uses: b}\n",
            [
                "f.yaml:2:1: 'steps' of the workflow: expected a list of steps, found a mapping "
                "(a step begins with '- id:')"
            ],
        ),
        (
            "name: w\nsteps: all\n",
            ["f.yaml:2:8: 'steps' of the workflow: expected a list of steps, found 'all'"],
        ),
        (
            "name: w\nsteps: [a, {id: b, uses: u}, [c]]\n",
            [
                "f.yaml:2:9: step 1: expected a mapping, found 'a'",
                "f.yaml:2:30: step 3: expected a mapping, found a list",
            ],
        ),
        (
            "name: w\nsteps:\n  - depends_on: b\n  - {id: b}\n",
            [
                "f.yaml:3:5: missing 'id' in step 1",
                "f.yaml:3:5: missing 'uses' in step 1",
                "f.yaml:4:5: missing 'uses' in step 'b'",
            ],
        ),
        (
            "name: v\nsteps: [{id: a, uses: u}]\n---\nname: w\nsteps: [{id: a, uses: u}]\n",
            ["f.yaml:4:7: expected one workflow, found 2 (parse_all reads several)"],
        ),
    ],
)
def test_whole_documents(text, expected):
    assert problems(text) == expected


@pytest.mark.slow
def test_the_number_of_steps_is_bounded():
    steps = "".join(f"- {{id: s{i}, uses: u}}\n" for i in range(MAX_STEPS + 1))
    assert problems(f"name: w\nsteps:\n{steps}") == [
        "f.yaml:3:1: a workflow has 1 to 10,000 steps, found 10,001"
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("versoin: v1", "1:1: unknown key 'versoin' in the workflow (did you mean 'version'?)"),
        ("zzz: v1", "1:1: unknown key 'zzz' in the workflow"),
        (f"? {'z' * 300}\n: 1", f"1:3: unknown key '{'z' * 80}...' in the workflow"),
        ("id: a b", f"1:5: 'id' of the workflow: expected {NAME_RULE}, found 'a b'"),
        ("id: ''", f"1:5: 'id' of the workflow: expected {NAME_RULE}, found an empty text"),
        ("id: a..b", f"1:5: 'id' of the workflow: expected {NAME_RULE}, found 'a..b'"),
        ("id: [a]", f"1:5: 'id' of the workflow: expected {NAME_RULE}, found a list"),
        (
            f"id: {'a' * 129}",
            f"1:5: 'id' of the workflow: expected {NAME_RULE}, found '{'a' * 80}...'",
        ),
        (
            "version: [1]",
            "1:10: 'version' of the workflow: expected a text of at most 128 "
            "characters, found a list",
        ),
        (
            f"version: {'1.' * 65}",
            "1:10: 'version' of the workflow: expected a text of at most "
            f"128 characters, found '{'1.' * 40}...'",
        ),
        ("description: {}", "1:14: 'description' of the workflow: expected text, found a mapping"),
        (
            "expose_to_ai: maybe",
            "1:15: 'expose_to_ai' of the workflow: expected true or false, found 'maybe'",
        ),
        (
            "expose_to_ai: 1",
            "1:15: 'expose_to_ai' of the workflow: expected true or false, found 1",
        ),
        (
            "expose_to_ai: []",
            "1:15: 'expose_to_ai' of the workflow: expected true or false, found a list",
        ),
        (
            "timeout: soon",
            f"1:10: 'timeout' of the workflow: expected {DURATION_RULE}, found 'soon'",
        ),
        (
            "timeout: true",
            f"1:10: 'timeout' of the workflow: expected {DURATION_RULE}, found true",
        ),
        (
            "timeout: {}",
            f"1:10: 'timeout' of the workflow: expected {DURATION_RULE}, found a mapping",
        ),
        (
            "timeout: 0s",
            "1:10: 'timeout' of the workflow: expected a duration greater than 0, found '0s'",
        ),
        (
            "timeout: -1",
            "1:10: 'timeout' of the workflow: expected a duration from 0 to 1000d, found -1 "
            "(numbers without a unit are seconds)",
        ),
        (
            "retention: 5000d",
            "1:12: 'retention' of the workflow: expected a duration from 0 to 1000d, found 5000d "
            "(numbers without a unit are seconds)",
        ),
        (
            "priority: hihg",
            "1:11: 'priority' of the workflow: expected one of high, normal, low, found 'hihg' "
            "(did you mean 'high'?)",
        ),
        (
            "priority: [high]",
            "1:11: 'priority' of the workflow: expected text, found a list",
        ),
        (
            "input_schema: string",
            "1:15: 'input_schema' of the workflow: expected a JSON Schema, found 'string'",
        ),
    ],
)
def test_keys_of_a_workflow(line, expected):
    assert in_workflow(line) == [f"f.yaml:{expected}"]


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
        ("retry: 3", "3:10: 'retry' of step 'a': expected a mapping, found 3"),
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
        ("escalation: yes", "3:15: 'escalation' of step 'a': expected a mapping, found 'yes'"),
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

    def test_a_cycle_is_told_with_its_path(self):
        found = self.cycles(start=[], a=["start", "c"], b=["a"], c=["b"], end=["c"])
        assert found == ["f.yaml:4:31: circular dependency: a -> c -> b -> a"]

    def test_each_cycle_is_told(self):
        found = self.cycles(a=["b"], b=["a", "c"], c=["b"], x=["y"], y=["x"])
        assert found == [
            "f.yaml:3:24: circular dependency: a -> b -> a",
            "f.yaml:4:27: circular dependency: b -> c -> b",
            "f.yaml:6:24: circular dependency: x -> y -> x",
        ]

    def test_so_many_cycles_are_not_all_told(self):
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


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (
            "{type: objekt}",
            "3:22: 'input_schema.type': \"objekt\" is not one of "
            '"array", "boolean", "integer", "null", "number", "object", "string"',
        ),
        (
            "{properties: {a: {minLength: x}}}",
            '3:44: \'input_schema.properties.a.minLength\': "x" is not of type "integer"',
        ),
        ("{required: a}", '3:26: \'input_schema.required\': "a" is not of type "array"'),
        ("{pattern: (}", '3:25: \'input_schema.pattern\': "(" is not a "regex"'),
        (
            "{allOf: [{}, 5]}",
            '3:28: \'input_schema.allOf.1\': 5 is not of types "boolean", "object"',
        ),
        *(
            (
                f"{{items: {{{keyword}: '{ref}'}}}}",
                f"3:23: 'input_schema.items': {keyword} '{ref}' leads out of the schema or "
                "nowhere, and nothing is fetched",
            )
            for keyword, ref in [
                ("$ref", "https://example.com/schema.json"),
                ("$ref", "file:///etc/passwd"),
                ("$ref", "other.json"),
                ("$ref", "#/$defs/nowhere"),
                ("$ref", "#nowhere"),
                ("$ref", "#/items/x/y"),
                ("$dynamicRef", "#nowhere"),
            ]
        ),
        (
            "{allOf: [{$ref: '#nowhere'}]}",
            "3:24: 'input_schema.allOf.0': $ref '#nowhere' leads out of the schema or nowhere, "
            "and nothing is fetched",
        ),
        (
            "{$ref: '#/x', x: {type: 5}}",
            '3:39: \'input_schema.x.type\': 5 is not of types "string", "array"',
        ),
        (
            "{const: 5, $ref: '#/const'}",
            '3:23: \'input_schema.const\': 5 is not of types "boolean", "object"',
        ),
        (
            "{$ref: 'http://[bad'}",
            '3:22: \'input_schema.$ref\': "http://[bad" is not a "uri-reference"',
        ),
        (
            "{patternProperties: {'(': {}}}",
            '3:35: \'input_schema.patternProperties\': "(" is not a "regex"',
        ),
        (
            "{$id: 'urn:a', $defs: {x: {$id: b}}, $ref: 'urn:c'}",
            "3:15: 'input_schema': Failed to resolve 'b' against 'urn:a': when base has a rootless "
            "path and no authority, reference should either have scheme, be empty or start with "
            "'#'",
        ),
    ],
)
def test_input_schemas(schema, expected):
    text = f"name: w\nsteps: [{{id: a, uses: u}}]\ninput_schema: {schema}\n"
    assert problems(text) == [f"f.yaml:{expected}"]


def test_everything_is_told_at_once():
    text = """\
nmae: w
timeout: never
steps:
  - id: ship
    depend_on: [charge]
  - id: charge
    uses: payments charge
    uses: payments.charge
    depends_on: [reserve, charge]
    retry: {max_attempts: many}
  - id: ship
    uses: !!python/name:os.system x
"""
    assert problems(text) == [
        "f.yaml:1:1: unknown key 'nmae' in the workflow (did you mean 'name'?)",
        "f.yaml:1:1: missing 'name' in the workflow",
        f"f.yaml:2:10: 'timeout' of the workflow: expected {DURATION_RULE}, found 'never'",
        "f.yaml:4:5: missing 'uses' in step 'ship'",
        "f.yaml:5:5: unknown key 'depend_on' in step 'ship' (did you mean 'depends_on'?)",
        f"f.yaml:7:11: 'uses' of step 'charge': expected {NAME_RULE}, found 'payments charge'",
        "f.yaml:8:5: duplicate key 'uses' (the first is on line 7)",
        "f.yaml:9:18: step 'charge' depends on unknown step 'reserve'",
        "f.yaml:9:27: step 'charge' depends on itself",
        "f.yaml:10:27: 'max_attempts' of retry of step 'charge': expected a whole number from 1 to "
        "1000, found 'many'",
        "f.yaml:11:9: duplicate step id 'ship' (the first is on line 4)",
        "f.yaml:12:11: tag '!!python/name:os.system' is not supported (definitions hold text, "
        "numbers, true, false, null, lists and mappings)",
    ]


def test_what_an_alias_repeats_is_told_once():
    text = """
name: w
steps:
  - {id: a, uses: u, retry: &retry {intervall: 1s}}
  - {id: b, uses: u, retry: *retry}
  - &c {id: c, uses: u, queue: a b}
  - *c
"""
    # The titles differ, so the shared retry is told for both steps.
    assert [problem.partition(": ")[0] for problem in problems(text)] == [
        "f.yaml:4:37",
        "f.yaml:4:37",
        "f.yaml:6:13",
        "f.yaml:6:32",
    ]


def test_a_hundred_problems_are_told():
    lines = "".join(f"x{i}: 1\n" for i in range(150))
    with pytest.raises(DefinitionError) as caught:
        parse(lines, "f.yaml")
    assert caught.value.has_more
    assert len(caught.value.problems) == MAX_PROBLEMS
    assert str(caught.value).endswith("\nand more")


def test_documents_behind_a_hundred_problems_are_not_judged():
    with pytest.raises(DefinitionError) as caught:
        parse("--- 1\n" * 10_000, "f.yaml")
    assert caught.value.has_more
    assert caught.value.problems[-1].line == MAX_PROBLEMS


def test_exactly_a_hundred_problems_are_all_there_are():
    report = Report("f.yaml")
    for _ in range(2):  # what an alias repeats is no further problem
        for line in range(MAX_PROBLEMS):
            report.add(Mark(line, 1), "message")
    assert not report.is_full
    # When there is one more
    report.add(Mark(MAX_PROBLEMS, 1), "message")
    # Then it is not told, and no words are compared any more
    assert report.is_full
    assert len(report.problems) == MAX_PROBLEMS
    assert report.nearest("nam", ["name"]) == ""


def test_a_problem_without_a_place_names_its_source_alone():
    assert str(Problem("message", "f.yaml", hint="hint")) == "f.yaml: message (hint)"


def test_similar_names_are_sought_within_bounds():
    # Given a source with a very large number of names
    report = Report("f.yaml")
    known = [f"name{i}" for i in range(40_000)]
    # When similar ones are asked for again and again
    report.add(Mark(1, 1), "one", report.nearest("name7x", known[:10]))
    for _ in range(2):
        report.nearest("zzz", known)
    # Then the search stops before it takes minutes
    assert report.nearest("name7", known) == ""
    assert str(report.problems[0]) == "f.yaml:1:1: one (did you mean 'name7'?)"


_odd_steps = st.lists(
    st.dictionaries(st.sampled_from(StepDocument.__struct_fields__), json_values | names)
    | json_values
)
_odd_documents = st.builds(
    lambda document, steps: {**document, "steps": steps},
    st.dictionaries(st.sampled_from(WorkflowDocument.__struct_fields__), json_values | names),
    _odd_steps,
)


@pytest.mark.slow
@given(_odd_documents.map(json.dumps) | st.text() | st.binary())
@settings(deadline=None)
def test_whatever_is_read_nothing_else_is_raised(text):
    with suppress(DefinitionError):
        content_hash(parse(text))


@pytest.mark.parametrize("step", ["input", "_workflow_id"])
def test_a_step_may_not_hide_a_key_of_the_input(step):
    with pytest.raises(DefinitionError, match=r"1:24: step .* key of every step's input"):
        parse(f"{{name: w, steps: [{{id: {step}, uses: h}}]}}")
