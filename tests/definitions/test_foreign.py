"""Words and files of other systems."""

from __future__ import annotations

import pytest

from flowworker.definitions import parse
from flowworker.errors import DefinitionError


def problems(text):
    with pytest.raises(DefinitionError) as caught:
        parse(text, "f")
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("needs: [b]", "did you mean 'depends_on'?"),
        ("if: ok", "did you mean 'when', with an expression?"),
        ("params: {x: 1}", "did you mean 'with'?"),
        (
            "limit: 3",
            "'max_parallel' of a loop stands in its 'for_each'; give such steps a 'queue'",
        ),
        ("retry: {limit: 3}", "did you mean 'max_attempts'? it counts the first one too"),
        (
            "saga: {uses: v, retry: {limit: 3}}",
            "did you mean 'max_attempts'? it counts the first one too",
        ),
        ("fallback: {uses: v, args: {}}", "did you mean 'with'?"),
        ("triggerRule: all_done", "did you mean 'trigger_rule'?"),
        ("continueOn: {failed: true}", "did you mean 'continue_on_error'?"),
        ("rollback: v", "did you mean 'saga'?"),
        ("loopCondition: x", "did you mean 'repeat', with its 'until' and 'interval'?"),
        ("poke_interval: 60", "did you mean 'repeat', with its 'until' and 'interval'?"),
        ("repeat: {until: output.x, while: x}", "did you mean 'until'? it says when to stop"),
        ("repeat: {until: output.x, checkFrequency: 1m}", "did you mean 'interval'?"),
        ("repeat: {until: output.x, maxIterations: 3}", "did you mean 'max'?"),
    ],
)
def test_words_of_other_systems_for_a_step(key, hint):
    (problem,) = problems(f"name: w\nsteps:\n- {key}\n  id: a\n  uses: u\n- {{id: b, uses: u}}\n")
    assert f"({hint}" in problem


def test_words_of_other_systems_for_a_workflow():
    assert problems("name: w\njobs: []\n") == [
        "f:1:1: missing 'steps' in the workflow",
        "f:2:1: unknown key 'jobs' in the workflow (did you mean 'steps'?)",
    ]


@pytest.mark.parametrize(
    ("text", "system"),
    [
        ("apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nspec: {}\n", "an Argo workflow"),
        ("apiVersion: tekton.dev/v1\nkind: Pipeline\n", "a Tekton pipeline"),
        ("apiVersion: v1\nkind: Service\n", "a Kubernetes object"),
        ("apiVersion: []\nkind: Service\n", "a Kubernetes object"),
        ("name: ci\non: push\njobs: {test: {steps: []}}\n", "a GitHub Actions workflow"),
        ('{"StartAt": "a", "States": {"a": {}}}', "a Step Functions state machine"),
        ("document: {dsl: 1.0.0}\ndo: []\n", "a Serverless Workflow"),
        ("name: w\ntasks: []\nschemaVersion: 2\n", "a Conductor workflow"),
        ("services: {web: {}}\n", "a Compose file"),
    ],
)
def test_files_of_other_systems_are_reported_by_their_name(text, system):
    assert problems(text) == [
        f"f:1:1: this looks like {system}; a workflow of flowworker has a 'name' and 'steps'"
    ]


def test_what_has_steps_is_ours():
    found = problems("name: w\non: push\njobs: {}\nsteps: [{id: a, uses: u}]\n")
    assert [problem.partition(" (")[0] for problem in found] == [
        "f:2:1: unknown key 'on' in the workflow",
        "f:3:1: unknown key 'jobs' in the workflow",
    ]


@pytest.mark.parametrize("template", ["{{ handler }}", "{{a.b}}", "{{ a | b }}"])
def test_a_template_without_quotes_is_one_problem(template):
    (problem,) = problems(f"name: w\nsteps:\n- id: a\n  uses: {template}\n")
    assert problem.startswith("f:4:9: expected a value, found a '{{ }}' (values of the input and")


@pytest.mark.parametrize(
    ("template", "hint"),
    [
        ("'{{ handler }}'", "values of the input and of earlier steps are written ${steps.a."),
        ("${{ env.handler }}", "values of the input and of earlier steps are written ${steps.a."),
        ("${handler}", "no expression can stand here)"),
    ],
)
def test_a_template_that_is_a_text_gets_a_hint(template, hint):
    (problem,) = problems(f"name: w\nsteps:\n- id: a\n  uses: {template}\n")
    assert problem.startswith("f:4:9: 'uses' of step 'a': expected at most 128")
    assert f"({hint}" in problem


@pytest.mark.parametrize("text", ["{{a: b}: c}", "{{a, b}: c}", "{ {a}: c}"])
def test_a_mapping_as_a_key_is_no_template(text):
    assert "a key must be text, found a mapping" in str(problems(text))


@pytest.mark.parametrize("word", ["subWorkflowParam", "templateRef", "trigger_dag_id", "flowId"])
def test_words_for_a_run_as_a_step(word):
    (problem,) = problems(f"name: w\nsteps: [{{id: a, uses: u, {word}: x}}]\n")
    assert problem.endswith("(did you mean 'workflow', the name of one that is run as this step?)")


def test_words_for_a_group():
    (problem,) = problems("name: w\nsteps: [{id: a, uses: u, task_group: []}]\n")
    assert problem.endswith("(did you mean 'steps', a group inside this step?)")
