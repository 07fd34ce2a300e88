"""What is rendered is what the chart renders to today."""

from __future__ import annotations

import yaml

from deploy.checks.kubernetes.chart import EXAMPLES, Rendered, component
from deploy.checks.kubernetes.manifests import MANIFESTS, RENDERED, files


def test_rendered_files_are_up_to_date():
    made = files()
    stored = {
        path: path.read_text("utf-8")
        for folder in (MANIFESTS, RENDERED)
        for path in folder.glob("*.yaml")
        if path.name != "values.yaml"
    }

    assert len(made) == len(EXAMPLES) + 2
    stale = {path.name for path in made | stored if made.get(path) != stored.get(path)}
    assert stale == set(), "run `make manifests`"


def test_what_runs_before_is_in_a_file_of_its_own():
    def objects(name):
        text = (MANIFESTS / name).read_text("utf-8")
        return Rendered([one for one in yaml.safe_load_all(text) if one])

    before, rest = objects("setup.yaml"), objects("flowworker.yaml")
    assert [(one["kind"], component(one)) for one in before.objects] == [("Job", "setup")]
    assert {one["kind"] for one in rest.objects} == {
        "ConfigMap", "Deployment", "NetworkPolicy", "PodDisruptionBudget", "ServiceAccount",
    }  # fmt: skip
    for one in before.objects + rest.objects:
        assert "annotations" not in one["metadata"]
