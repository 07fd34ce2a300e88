"""What the chart renders is what Kubernetes, KEDA and the Prometheus operator take."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from deploy.checks.kubernetes.chart import CHART, EXAMPLES, Rendered, helm, render
from deploy.checks.kubernetes.manifests import MANIFEST_FILES, MANIFESTS
from deploy.checks.kubernetes.schemas import VERSIONS, complaints


def named(path):
    return path.stem


def wrong(objects, version):
    return [
        f"{one['kind']} {one['metadata']['name']}: {complaint}"
        for one in objects
        for complaint in complaints(one, version)
    ]


@pytest.mark.parametrize("path", EXAMPLES, ids=named)
def test_helm_lints_the_chart(path):
    done = helm("lint", "--strict", CHART, "-f", path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 chart(s) failed" in done.stdout


@pytest.mark.parametrize("path", EXAMPLES, ids=named)
def test_objects_are_what_kubernetes_takes(path):
    objects = render(file=path).objects

    assert objects
    assert {version: found for version in VERSIONS if (found := wrong(objects, version))} == {}


def test_custom_resources_are_among_them():
    kinds = {one["kind"] for path in EXAMPLES for one in render(file=path).objects}

    assert {"ScaledObject", "PodMonitor"} < kinds


def damaged(kind, *path, value):
    """An object of the example for production with one field that is not what it should be."""
    [one, *_] = render(file=Path(EXAMPLES[0].parent / "production.yaml")).of(kind)
    part = one
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    return one


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("Deployment", ("spec", "replica"), 3),
        ("Deployment", ("spec", "replicas"), "three"),
        ("NetworkPolicy", ("spec", "egres"), []),
        ("ScaledObject", ("spec", "advanced", "scalingModifier"), {}),
        ("ScaledObject", ("spec", "triggers", 0, "metadata"), {"lagThreshold": 10}),
        ("PodMonitor", ("spec", "podMetricsEndpoints", 0, "portt"), "http"),
    ],
)
def test_a_mistake_in_an_object_is_found(kind, path, value):
    assert wrong([damaged(kind, *path, value=value)], VERSIONS[-1])


def test_the_manifests_are_what_kubernetes_takes():
    texts = [(MANIFESTS / name).read_text("utf-8") for name in MANIFEST_FILES]
    objects = [one for text in texts for one in yaml.safe_load_all(text) if one]

    assert Rendered(objects).of("Deployment")
    assert {version: found for version in VERSIONS if (found := wrong(objects, version))} == {}
