"""What Kubernetes, KEDA and the Prometheus operator say of the shape of their objects."""

from __future__ import annotations

import json
import re
import subprocess
from functools import cache
from pathlib import Path

import jsonschema_rs
import kubernetes_validate
import yaml

VERSIONS = [f"1.{minor}" for minor in range(29, 38)]

CRDS = {
    "keda.sh/v1alpha1": (
        "github.com/kedacore/keda/v2@v2.21.0",
        "config/crd/bases/keda.sh_{plural}.yaml",
    ),
    "monitoring.coreos.com/v1": (
        "github.com/prometheus-operator/prometheus-operator@v0.85.0",
        "example/prometheus-operator-crd/monitoring.coreos.com_{plural}.yaml",
    ),
}
"""Where the definitions of custom resources come from: a Go module, and a file in it."""


def complaints(one, version):
    """What is wrong with an object, for this version of Kubernetes."""
    if one["apiVersion"] in CRDS:
        return [str(error) for error in custom(one["apiVersion"], one["kind"]).iter_errors(one)]
    try:
        kubernetes_validate.validate(one, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return [f"{error.message} at {list(error.path)}"]
    return []


@cache
def custom(api_version, kind):
    """The validator of a custom resource."""
    module, file = CRDS[api_version]
    path = source(module) / file.format(plural=f"{kind.lower()}s")
    definition = yaml.safe_load(path.read_text("utf-8"))["spec"]
    version = api_version.rpartition("/")[2]
    [found] = [one for one in definition["versions"] if one["name"] == version]
    assert definition["names"]["kind"] == kind
    schema = strict(found["schema"]["openAPIV3Schema"])
    # What every object has, and a definition does not repeat
    schema["properties"]["metadata"] = {"type": "object"}
    return jsonschema_rs.validator_for(schema)


@cache
def source(module):
    """The folder of a Go module, which Go brings and checks against its sums."""
    done = subprocess.run(
        ["go", "mod", "download", "-json", module], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return Path(json.loads(done.stdout)["Dir"])


def strict(schema):
    """A schema of OpenAPI as JSON Schema; what an API server would drop silently is refused."""
    if not isinstance(schema, dict):
        return schema
    made = {key: _part(key, value) for key, value in schema.items()}
    if made.pop("x-kubernetes-int-or-string", False):
        made.pop("anyOf", None)
        made["type"] = ["integer", "string"]
    if made.pop("nullable", False) and "type" in made:
        made["type"] = [made["type"], "null"]
    loose = made.pop("x-kubernetes-preserve-unknown-fields", False)
    if "properties" in made and not loose:
        made.setdefault("additionalProperties", False)
    if "pattern" in made:  # Go lets flags stand behind the beginning
        made["pattern"] = made["pattern"].replace("^(?i)", "(?i)^")
        re.compile(made["pattern"])
    return made


def _part(key, value):
    if key in {"properties", "patternProperties"}:
        return {name: strict(part) for name, part in value.items()}
    if key in {"allOf", "anyOf", "oneOf"}:
        return [strict(part) for part in value]
    return strict(value) if key in {"items", "additionalProperties", "not"} else value
