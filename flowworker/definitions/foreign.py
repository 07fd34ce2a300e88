"""Words and files of other systems: what they are called here, instead of what looks similar."""

from __future__ import annotations

__all__ = ["TEMPLATE_HINT", "hint_for", "system_of", "template_hint"]

from typing import TYPE_CHECKING, Final

from flowworker.definitions.document import (
    DefaultsDocument,
    FallbackDocument,
    RetryDocument,
    SagaDocument,
    StepDocument,
    WorkflowDocument,
)
from flowworker.definitions.repeat_document import RepeatDocument
from flowworker.definitions.tree import MappingNode, ScalarNode, node_at

if TYPE_CHECKING:
    from msgspec import Struct

    from flowworker.definitions.tree import Node

TEMPLATE_HINT = (
    "values of the input and of earlier steps are written ${steps.a.output.b}, in 'with' and "
    "wherever an expression can stand"
)
MAPPINGS: Final = {
    "for_each": "its list stands in it, as 'items'",
    "repeat": "its condition stands in it, as 'until'",
}
"""What to do about something else where one of these mappings stands, by key."""

_NO_EXPRESSION = "no expression can stand here"

_LOOP = "did you mean 'for_each', with 'items'?"
_DEPENDS = "did you mean 'depends_on'?"
_USES = "did you mean 'uses', the name of a handler?"
_ATTEMPTS = "did you mean 'max_attempts'? it counts the first one too"
_INTERVAL = "did you mean 'interval'?"
_RETRY = "did you mean 'retry'?"
_CONDITION = "did you mean 'when', with an expression?"
_VALUES = "did you mean 'with'?"
_CONCURRENCY = "give such steps a 'queue', and its workers a --concurrency"
_PARALLEL = "'max_parallel' of a loop stands in its 'for_each'; " + _CONCURRENCY
_SLEEP = "did you mean 'sleep'?"
_REPEAT = "did you mean 'repeat', with its 'until' and 'interval'?"
_STEPS = "did you mean 'steps'?"
_INPUT = "did you mean 'input_schema'?"
_DEFAULTS = "did you mean 'defaults'?"
_RUN = "did you mean 'workflow', the name of one that is run as this step?"
_GROUP = "did you mean 'steps', a group inside this step?"
_OUTPUT = "did you mean 'output'?"

_OF_STEPS: Final = {
    **dict.fromkeys(
        ("needs", "after", "requires", "dependencies", "dependsOn", "upstream"), _DEPENDS
    ),
    **dict.fromkeys(("run", "task", "handler", "action", "function", "template", "call"), _USES),
    **dict.fromkeys(
        ("if", "unless", "condition", "conditions", "switch", "choices", "runIf"), _CONDITION
    ),
    **dict.fromkeys(
        ("params", "parameters", "args", "arguments", "input", "inputs", "env", "vars"),
        _VALUES,
    ),
    **dict.fromkeys(("limit", "limits", "concurrency", "parallelism", "max_parallel"), _PARALLEL),
    **dict.fromkeys(("with_items", "with_param", "items"), _LOOP),
    **dict.fromkeys(
        ("withItems", "withParam", "withSequence", "foreach", "forEach", "ForEach", "for"),
        _LOOP,
    ),
    **dict.fromkeys(
        ("matrix", "expand", "map", "Map", "ItemsPath", "Iterator", "dynamicForkTasksParam"), _LOOP
    ),
    **dict.fromkeys(("triggerRule", "trigger", "rule", "run_if"), "did you mean 'trigger_rule'?"),
    **dict.fromkeys(
        ("continueOn", "continue-on-error", "ignore_errors", "ignoreErrors", "allowFailure"),
        "did you mean 'continue_on_error'?",
    ),
    **dict.fromkeys(("retries", "retryPolicy", "retryStrategy", "retry_policy"), _RETRY),
    **dict.fromkeys(
        (
            *("subworkflow", "subWorkflow", "sub_workflow", "subWorkflowParam", "subflow"),
            *("templateRef", "workflowTemplateRef", "trigger_dag_id", "flowId", "flow"),
            *("stateMachineArn", "StateMachineArn", "child", "child_workflow", "childWorkflow"),
        ),
        _RUN,
    ),
    **dict.fromkeys(
        ("tasks", "group", "task_group", "branches", "Branches", "dag", "do", "parallel"), _GROUP
    ),
    **dict.fromkeys(("wait", "delay", "pause", "seconds", "Seconds"), _SLEEP),
    **dict.fromkeys(
        (
            *("loopCondition", "loopOver", "loop", "while", "doWhile", "do_while"),
            *("poke_interval", "pollInterval", "poll_interval", "poll", "waitForCompletion"),
            *("recurse", "LoopUntil", "repeatUntil", "wait_for_completion"),
        ),
        _REPEAT,
    ),
    **dict.fromkeys(("terminate", "exit", "fail", "stop", "succeed"), "did you mean 'end'?"),
    **dict.fromkeys(("timestamp", "Timestamp", "wait_until"), "did you mean 'until'?"),
    **dict.fromkeys(("compensate", "compensation", "rollback", "undo"), "did you mean 'saga'?"),
    "finally": "the steps that run at the end are a list of the workflow, beside 'steps'",
    **dict.fromkeys(("catch", "on_error", "onError", "on_failure"), "did you mean 'fallback'?"),
}
_OF_RETRIES: Final = {
    **dict.fromkeys(
        (
            *("limit", "attempts", "max", "count", "times", "max_retries", "retries"),
            *("maxAttempts", "MaxAttempts", "retryCount"),
        ),
        _ATTEMPTS,
    ),
    **dict.fromkeys(
        ("delay", "wait", "initial_interval", "duration", "every", "IntervalSeconds"), _INTERVAL
    ),
    **dict.fromkeys(
        ("ErrorEquals", "errors", "error", "exceptions", "types", "autoretry_for", "when"),
        "did you mean 'on'?",
    ),
    **dict.fromkeys(
        ("BackoffRate", "multiplier", "rate", "delayFactor", "backoff_factor", "coefficient"),
        "did you mean 'factor'?",
    ),
    **dict.fromkeys(
        ("MaxDelaySeconds", "maxDelay", "max_delay", "max_retry_delay", "retry_backoff_max"),
        "did you mean 'max_interval'?",
    ),
    **dict.fromkeys(
        ("maxDuration", "stop_after_delay", "max_elapsed_time"), "did you mean 'max_duration'?"
    ),
}
_OF_REPETITIONS: Final = {
    **dict.fromkeys(
        ("condition", "loopCondition", "while", "when", "if"),
        "did you mean 'until'? it says when to stop",
    ),
    **dict.fromkeys(
        ("delay", "every", "sleep", "poke_interval", "checkFrequency", "wait", "duration"),
        _INTERVAL,
    ),
    **dict.fromkeys(
        ("limit", "times", "count", "max_attempts", "maxIterations", "max_iterations"),
        "did you mean 'max'?",
    ),
}
_WORDS: Final[dict[type[Struct], dict[str, str]]] = {
    WorkflowDocument: {
        **dict.fromkeys(("tasks", "jobs", "stages", "nodes", "states"), _STEPS),
        **dict.fromkeys(("input", "inputs", "params", "parameters"), _INPUT),
        **dict.fromkeys(("outputs", "result", "results", "return", "returns"), _OUTPUT),
        **dict.fromkeys(("limit", "limits", "concurrency", "parallelism"), _CONCURRENCY),
        **dict.fromkeys(
            ("default_args", "pluginDefaults", "taskDefaults", "templateDefaults"), _DEFAULTS
        ),
        **dict.fromkeys(
            ("retry", "queue", "with"), "what holds for all steps stands under 'defaults'"
        ),
        **dict.fromkeys(
            ("onExit", "on_exit", "hooks", "failureWorkflow", "cleanup"), "did you mean 'finally'?"
        ),
        **dict.fromkeys(
            ("on", "cron", "schedule", "trigger", "triggers"),
            "a run is started by a message; cron or a timer can send it",
        ),
    },
    StepDocument: _OF_STEPS,
    RetryDocument: _OF_RETRIES,
    DefaultsDocument: {
        **dict.fromkeys(StepDocument.__struct_encode_fields__, "each step says that itself"),
        **_OF_STEPS,
    },
    RepeatDocument: _OF_REPETITIONS,
    FallbackDocument: _OF_STEPS,
    SagaDocument: _OF_STEPS,
}

_SYSTEMS: Final = (
    ("a GitHub Actions workflow", {"jobs", "on"}),
    ("a Step Functions state machine", {"StartAt", "States"}),
    ("a Serverless Workflow", {"document", "do"}),
    ("a Conductor workflow", {"tasks", "schemaVersion"}),
    ("a Compose file", {"services"}),
)
_KUBERNETES: Final = {"argoproj.io": "an Argo workflow", "tekton.dev": "a Tekton pipeline"}


def hint_for(shape: type[Struct], key: str) -> str:
    """What a key of other systems is called here, and otherwise nothing."""
    return _WORDS.get(shape, {}).get(key, "")


def system_of(document: MappingNode) -> str:
    """Of which other system a document without steps seems to be; otherwise nothing."""
    keys = document.entries.keys()
    if "steps" in keys:
        return ""
    if {"apiVersion", "kind"} <= keys:
        version = node_at(document, ["apiVersion"])
        group = version.text.partition("/")[0] if isinstance(version, ScalarNode) else ""
        return _KUBERNETES.get(group, "a Kubernetes object")
    return next((system for system, signs in _SYSTEMS if signs <= keys), "")


def template_hint(node: Node) -> str:
    """What to do about a text that another system would fill in, or that stands in a wrong place.

    Empty for any other one.
    """
    text = node.text if isinstance(node, ScalarNode) else ""
    if "{{" in text:
        return TEMPLATE_HINT
    return _NO_EXPRESSION if "${" in text else ""
