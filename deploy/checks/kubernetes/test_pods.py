"""What every pod has, and what its values change: images, logins, places, time to end."""

from __future__ import annotations

import pytest

from deploy.checks.kubernetes.chart import (
    EXAMPLES,
    component,
    container,
    pod,
    pods,
    refusal,
    render,
)
from flowworker.cli.serving import PARTING
from flowworker.settings import Settings

APP = "shop.handlers:app"
ONE = {"queues": {"default": {"app": APP}}}


@pytest.fixture(params=EXAMPLES, ids=lambda path: path.stem)
def example(request):
    return render(file=request.param)


def test_pods_run_with_as_little_as_they_can(example):
    for one in pods(example):
        outer, inner = pod(one)["securityContext"], container(one)["securityContext"]
        assert outer["runAsNonRoot"] is True
        assert outer["runAsUser"] > 0
        assert outer["seccompProfile"] == {"type": "RuntimeDefault"}
        assert inner == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert pod(one)["automountServiceAccountToken"] is False
        assert pod(one)["enableServiceLinks"] is False
        assert {"name": "tmp", "mountPath": "/tmp"} in container(one)["volumeMounts"]


def test_pods_say_what_they_need(example):
    for one in pods(example):
        resources = container(one)["resources"]
        assert {"cpu", "memory"} <= set(resources["requests"])
        assert "memory" in resources["limits"]


def test_what_serves_is_probed_spread_and_kept_from_disruption(example):
    assert len(example.of("Deployment")) == len(example.of("PodDisruptionBudget"))
    for one in example.of("Deployment"):
        name, labels = one["metadata"]["name"], one["spec"]["template"]["metadata"]["labels"]
        assert container(one)["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
        assert container(one)["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}
        [port] = [each for each in container(one)["ports"] if each["name"] == "http"]
        assert str(port["containerPort"]) == example.environment(one)["FLOWWORKER_HTTP_PORT"]
        chosen = [one["spec"]["selector"]["matchLabels"]]
        budget = example.one("PodDisruptionBudget", name)["spec"]
        assert budget["maxUnavailable"] == 1
        chosen.append(budget["selector"]["matchLabels"])
        spread = pod(one)["topologySpreadConstraints"]
        assert spread
        chosen += [rule["labelSelector"]["matchLabels"] for rule in spread]
        assert all(selected.items() <= labels.items() for selected in chosen)


def test_no_object_is_chosen_by_the_selector_of_another(example):
    templates = [one["spec"]["template"]["metadata"]["labels"] for one in pods(example)]
    for one in example.of("Deployment"):
        wanted = one["spec"]["selector"]["matchLabels"].items()
        assert sum(wanted <= labels.items() for labels in templates) == 1


def test_pods_are_spread_over_zones_and_nodes():
    rules = pod(render(ONE).coordinator)["topologySpreadConstraints"]

    assert [rule["topologyKey"] for rule in rules] == [
        "topology.kubernetes.io/zone",
        "kubernetes.io/hostname",
    ]


def test_images():
    digest = "sha256:" + "a" * 64
    queues = {"default": {"app": APP}, "gpu": {"app": APP, "image": {"repository": "r/gpu"}}}
    rendered = render({"image": {"repository": "r/shop", "digest": digest}, "queues": queues})

    assert container(rendered.coordinator)["image"] == f"r/shop@{digest}"
    assert container(rendered.worker())["image"] == f"r/shop@{digest}"
    assert container(rendered.worker("gpu"))["image"] == "r/gpu:0.1.0"


@pytest.mark.parametrize(
    ("settings", "own", "expected"),
    [
        ({}, {}, Settings().drain + 10),
        ({"drain": 60}, {}, 70),
        ({"drain": 60}, {"drain": 0.5}, 11),
        ({}, {"drain": 900}, 910),
    ],
)
def test_a_worker_has_the_time_that_its_drain_needs(settings, own, expected):
    rendered = render({"settings": settings, "queues": {"default": {"app": APP, **own}}})
    drain = rendered.environment(rendered.worker()).get("FLOWWORKER_DRAIN", Settings().drain)

    grace = pod(rendered.worker())["terminationGracePeriodSeconds"]
    assert grace == expected
    assert grace > float(drain) + PARTING


@pytest.mark.parametrize(("settings", "expected"), [({}, 15), ({"partition_lease": 20}, 25)])
def test_a_coordinator_has_the_time_to_hand_over(settings, expected):
    rendered = render({"settings": settings, **ONE})

    assert pod(rendered.coordinator)["terminationGracePeriodSeconds"] == expected
    assert expected > settings.get("partition_lease", Settings().partition_lease)


def test_workers_get_what_their_queue_says():
    own: dict = {
        "app": ["a:app", "b:app"],
        "replicas": 7,
        "concurrency": 3,
        "resources": {"limits": {"memory": "8Gi"}},
        "nodeSelector": {"kind": "gpu"},
        "tolerations": [{"key": "gpu", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "priorityClassName": "high",
        "podLabels": {"team": "vision"},
        "podAnnotations": {"note": "x"},
        "env": [{"name": "MODEL", "value": "m"}],
        "envFrom": [{"secretRef": {"name": "keys"}}],
        "volumes": [{"name": "models", "emptyDir": {}}],
        "volumeMounts": [{"name": "models", "mountPath": "/models"}],
        "strategy": {"type": "Recreate", "rollingUpdate": None},
        "podDisruptionBudget": {"maxUnavailable": "50%"},
    }
    rendered = render({"queues": {"GPU_1": own}})
    made = rendered.worker("gpu-1")
    spec, only = pod(made), container(made)

    assert only["command"] == ["flowworker"]
    assert only["args"] == ["worker", "--app", "a:app", "--app", "b:app", "--queue", "GPU_1"]
    assert made["spec"]["replicas"] == 7
    assert made["spec"]["strategy"]["type"] == "Recreate"
    assert rendered.environment(made)["FLOWWORKER_CONCURRENCY"] == "3"
    assert rendered.environment(made)["MODEL"] == "m"
    assert {"secretRef": {"name": "keys"}} in only["envFrom"]
    assert only["resources"]["limits"] == {"memory": "8Gi"}
    assert only["resources"]["requests"] == {"cpu": "500m", "memory": "256Mi"}
    for key in ("nodeSelector", "tolerations", "affinity", "priorityClassName"):
        assert spec[key] == own[key]
    assert own["volumes"][0] in spec["volumes"]
    assert own["volumeMounts"][0] in only["volumeMounts"]
    told = made["spec"]["template"]["metadata"]
    assert told["labels"]["team"] == "vision"
    assert told["labels"]["flowworker/queue"] == "GPU_1"
    assert told["annotations"]["note"] == "x"
    [budget] = [one for one in rendered.of("PodDisruptionBudget") if component(one) == "worker"]
    assert budget["spec"]["maxUnavailable"] == "50%"


def test_a_queue_may_have_none_of_what_all_have():
    rendered = render({"queueDefaults": {"app": APP}, "queues": {"a": None, "b": {"replicas": 0}}})

    assert rendered.worker("a")["spec"]["replicas"] == 2
    assert rendered.worker("b")["spec"]["replicas"] == 0


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"queues": {"default": {}}}, "queues.default.app is missing"),
        ({"queues": {"a_b": {"app": APP}, "a-b": {"app": APP}}}, "would both be called"),
        ({"queues": {"coordinator": {"app": APP}}}, "coordinator"),
        ({"queues": {"a.b": {"app": APP}}}, "a.b"),
        ({"queues": {"default": {"app": APP, "replica": 1}}}, "replica"),
        ({"coordinator": {"replicas": 16}}, "there are 16 partitions"),
        ({"streams": {"partitions": 2}}, "there are 2 partitions"),
        ({"settings": {"leese": 3}}, "leese"),
        ({"settings": {"lease": "30s"}}, "lease"),
        ({"image": {"digest": "0123"}}, "digest"),
        ({"coordinator": {"auth": {"creds": "a.creds"}}}, "coordinator.auth.secret"),
        ({"queues": {"q": {"app": APP, "auth": {"token": "t"}}}}, "queues.q.auth.secret"),
    ],
)
def test_values_that_cannot_be_meant_are_refused(values, reason):
    assert reason in refusal(values)
