"""What a workflow says of itself: every rule, with the exact place and words of what breaks it."""

from __future__ import annotations

import pytest

from tests.definitions.complaints import DURATION_RULE, NAME_RULE, in_workflow, problems


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
            "1:11: 'priority' of the workflow: expected one of high, normal, low, found a list",
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
        (
            "{properties: {a: {secret: yes please}}}",
            "3:41: 'input_schema.properties.a.secret': expected true or false",
        ),
        (
            "{not: {secret: true}}",
            "3:30: 'input_schema.not.secret': it means nothing below 'not', which describes no "
            "value that is shown",
        ),
    ],
)
def test_input_schemas(schema, expected):
    text = f"name: w\nsteps: [{{id: a, uses: u}}]\ninput_schema: {schema}\n"
    assert problems(text) == [f"f.yaml:{expected}"]


def test_nothing_is_secret_in_the_schema_of_an_approval():
    asks = "approval: {prompt: Ship it?, schema: {properties: {a: {secret: true}}}}"

    found = problems(f"name: w\nsteps:\n  - id: a\n    {asks}\n")

    assert found == [
        "f.yaml:4:42: 'schema': 'secret' means nothing here: only an 'input_schema' has it"
    ]
