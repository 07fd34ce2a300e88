"""Who may talk to whom, as far as NetworkPolicies tell."""

from __future__ import annotations

import pytest

from deploy.checks.kubernetes.chart import EXAMPLES, pods, refusal, render

APP = "shop.handlers:app"
DNS = {"ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]}
PROMETHEUS = [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}]


def policy(rendered, name):
    return rendered.one("NetworkPolicy", f"shop-flowworker-{name}")["spec"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_pod_has_one_policy(path):
    rendered = render(file=path)
    for one in pods(rendered):
        labels = one["spec"]["template"]["metadata"]["labels"].items()
        chosen = [
            rule["metadata"]["name"]
            for rule in rendered.of("NetworkPolicy")
            if rule["spec"]["podSelector"]["matchLabels"].items() <= labels
        ]
        assert len(chosen) == 1


def test_coordinators_and_jobs_reach_nats_and_dns_alone():
    values = {"queues": {"default": {"app": APP}}, "register": {"paths": ["w"]}}
    values["networkPolicy"] = {"natsPorts": [4222, 4223]}
    rendered = render(values)

    for name in ("coordinator", "setup", "register"):
        rules = policy(rendered, name)
        assert rules["policyTypes"] == ["Ingress", "Egress"]
        dns, nats = rules["egress"]
        assert dns == DNS
        assert [port["port"] for port in nats["ports"]] == [4222, 4223]
        [peer] = nats["to"]
        assert peer["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "nats"}
        assert rules["ingress"] == []


def test_handlers_reach_everything_unless_told_otherwise():
    rule = {"to": [{"ipBlock": {"cidr": "203.0.113.0/24"}}]}
    queues = {
        "open": {"app": APP},
        "closed": {"app": APP, "egress": []},
        "some": {"app": APP, "egress": [rule]},
    }
    rendered = render({"queues": queues})

    assert policy(rendered, "worker-open")["egress"] == [{}]
    closed = policy(rendered, "worker-closed")["egress"]
    assert closed == policy(rendered, "coordinator")["egress"]
    assert policy(rendered, "worker-some")["egress"] == [*closed, rule]


def test_coordinators_may_be_given_more():
    rule = {"to": [{"podSelector": {"matchLabels": {"app": "collector"}}}]}
    rendered = render({"networkPolicy": {"egress": [rule]}, "queues": {"q": {"app": APP}}})

    assert policy(rendered, "coordinator")["egress"][-1] == rule


def test_metrics_are_read_by_those_who_are_named():
    values = {"queues": {"q": {"app": APP}}, "networkPolicy": {"metricsFrom": PROMETHEUS}}
    rendered = render(values)

    expected = [{"from": PROMETHEUS, "ports": [{"protocol": "TCP", "port": "http"}]}]
    assert policy(rendered, "coordinator")["ingress"] == expected
    assert policy(rendered, "worker-q")["ingress"] == expected
    assert policy(rendered, "setup")["ingress"] == []


def test_a_monitor_that_is_not_let_in_is_refused():
    assert "networkPolicy.metricsFrom" in refusal({"podMonitor": {"enabled": True}})


def test_the_policy_of_the_setup_is_there_before_it():
    rendered = render({"queues": {"q": {"app": APP}}})
    rule = rendered.one("NetworkPolicy", "shop-flowworker-setup")["metadata"]["annotations"]
    job = rendered.setup["metadata"]["annotations"]

    assert rule["helm.sh/hook"] == job["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert int(rule["helm.sh/hook-weight"]) < int(job["helm.sh/hook-weight"])


def test_without_policies():
    off = {"networkPolicy": {"enabled": False}, "podMonitor": {"enabled": True, "interval": "5s"}}
    rendered = render({**off, "queues": {"q": {"app": APP}}})

    assert rendered.of("NetworkPolicy") == []
    [monitor] = rendered.of("PodMonitor")
    [endpoint] = monitor["spec"]["podMetricsEndpoints"]
    relabelings = endpoint.pop("relabelings")
    assert endpoint == {"port": "http", "path": "/metrics", "interval": "5s"}
    assert relabelings == [{"targetLabel": "fleet", "replacement": "flowworker"}]
    assert monitor["spec"]["jobLabel"] == "app.kubernetes.io/name"
