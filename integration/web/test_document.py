"""What is answered is what the document says."""

from __future__ import annotations

import msgspec
import pytest
from jsonschema_rs import Draft202012Validator

from flowworker.codec.json import encode
from flowworker.web.endpoint import Events, Json
from flowworker.web.openapi import document
from flowworker.web.site import ENDPOINTS

DOCUMENT = msgspec.json.decode(encode(document(ENDPOINTS)))
SHOWN = [e for e in ENDPOINTS if e.method == "GET" and e.answer not in {Events, Json}]
KNOWN = {
    "run": "drawn",
    "workflow": "broken",
    "step": "break",
    "schedule": "drawn",
    "name": "drawn",
}


@pytest.fixture(scope="module")
def known(commands, api):
    commands("start", "broken", "--id", "drawn")
    commands("schedule", "create", "drawn", "broken", "--every", "1d", "--replace")
    commands("schedule", "trigger", "drawn")
    commands("limits", "set", "drawn", "--concurrency", "1")
    return api.until("drawn", "FAILED")


def check(name, value):
    schema = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    Draft202012Validator(schema).validate(value)


@pytest.mark.parametrize("endpoint", SHOWN, ids=lambda endpoint: endpoint.name)
def test_an_answer_is_as_the_document_says(endpoint, api, known):
    operation = DOCUMENT["paths"][f"/api/v1{endpoint.path}"]["get"]
    content = operation["responses"]["200"]["content"]["application/json"]

    name = content["schema"]["$ref"].rpartition("/")[2]
    digest = api.get("/workflows/broken")["hash"]
    check(name, api.get(endpoint.path.format(**KNOWN, hash=digest)))


def test_a_problem_is_as_the_document_says(api):
    check("Problem", api("GET", "/runs/nobody").json)


def test_the_document_is_served_to_everybody(api):
    assert api("GET", "/openapi.json", token="").json == DOCUMENT
