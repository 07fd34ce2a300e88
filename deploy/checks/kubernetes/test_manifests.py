"""What is rendered is what the chart renders to today."""

from __future__ import annotations

import yaml

from deploy.checks.kubernetes.chart import EXAMPLES, Rendered, component, container, pod
from deploy.checks.kubernetes.manifests import MANIFEST_FILES, MANIFESTS, RENDERED, files


def test_rendered_files_are_up_to_date():
    made = files()
    stored = {
        path: path.read_text("utf-8")
        for folder in (MANIFESTS, RENDERED)
        for path in folder.glob("*.yaml")
        if path.name != "values.yaml"
    }

    assert len(made) == len(EXAMPLES) + len(MANIFEST_FILES)
    stale = {path.name for path in made | stored if made.get(path) != stored.get(path)}
    assert stale == set(), "run `make manifests`"


def objects(name):
    text = (MANIFESTS / name).read_text("utf-8")
    return Rendered([one for one in yaml.safe_load_all(text) if one])


def test_what_runs_before_is_in_a_file_of_its_own():
    before, rest = objects("setup.yaml"), objects("flowworker.yaml")
    assert [(one["kind"], component(one)) for one in before.objects] == [("Job", "setup")]
    assert {one["kind"] for one in rest.objects} == {
        "ConfigMap", "Deployment", "NetworkPolicy", "PodDisruptionBudget", "ServiceAccount",
    }  # fmt: skip
    for one in before.objects + rest.objects:
        assert "annotations" not in one["metadata"]


def test_the_dashboard_is_in_a_file_of_its_own_for_those_who_want_it():
    found = objects("dashboard.yaml")

    assert {component(one) for one in found.objects} == {"ui"}
    assert {one["kind"] for one in found.objects} == {
        "Deployment", "NetworkPolicy", "PodDisruptionBudget", "Service",
    }  # fmt: skip
    assert "ui" not in {component(one) for one in objects("flowworker.yaml").of("Deployment")}


def test_the_dashboard_finds_what_the_other_files_have():
    [deployment] = objects("dashboard.yaml").of("Deployment")
    rest = objects("flowworker.yaml")
    [settings] = (one["configMapRef"]["name"] for one in container(deployment)["envFrom"])
    account = pod(deployment)["serviceAccountName"]

    assert settings in {one["metadata"]["name"] for one in rest.of("ConfigMap")}
    assert account in {one["metadata"]["name"] for one in rest.of("ServiceAccount")}
    [volume] = (one for one in pod(deployment)["volumes"] if one["name"] == "ui")
    assert volume["secret"]["secretName"] == "flowworker-tokens"
