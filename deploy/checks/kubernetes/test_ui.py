"""The dashboard: who gets to it, how it is reached, and what it is told."""

from __future__ import annotations

import pytest

from deploy.checks.kubernetes.chart import container, pod, refusal, render
from flowworker.web.serving import PARTING
from tests.support.commands import command_of

NAME = "shop-flowworker-ui"
INGRESS = [{"namespaceSelector": {"matchLabels": {"name": "ingress"}}}]
TOKENS = {"enabled": True, "tokens": {"secret": "t"}}
PROXY = {
    "networks": ["10.1.0.0/16", "fd00::/8"],
    "userHeader": "X-Auth-User",
    "roleHeader": "X-Auth-Role",
}
BEHIND = {"enabled": True, "host": "flow.example.com"}


def rendered_with(ui, **more):
    return render({"queues": {"q": {"app": "shop.handlers:app"}}, "ui": ui, **more})


def test_it_is_there_only_if_it_is_asked_for():
    rendered = rendered_with({})

    assert [one for one in rendered.objects if one["metadata"]["name"] == NAME] == []


def test_tokens_are_a_file_that_only_it_can_read():
    rendered = rendered_with(TOKENS | {"tokens": {"secret": "t", "key": "people"}})
    deployment = rendered.one("Deployment", NAME)

    assert rendered.environment(deployment)["FLOWWORKER_UI_TOKENS"] == "/run/secrets/ui/people"
    [volume] = [one for one in pod(deployment)["volumes"] if one["name"] == "ui"]
    assert volume["secret"] == {"secretName": "t", "defaultMode": 0o440}
    [mount] = [one for one in container(deployment)["volumeMounts"] if one["name"] == "ui"]
    assert mount == {"name": "ui", "mountPath": "/run/secrets/ui", "readOnly": True}


def test_it_understands_what_it_is_told(monkeypatch):
    ui = {"enabled": True, "proxy": PROXY, "readOnly": True, "https": True, "hosts": ["a.b"]}
    rendered = rendered_with(
        ui | {"ingress": BEHIND}, networkPolicy={"uiFrom": INGRESS}, http={"host": "::"}
    )
    told = rendered.environment(rendered.one("Deployment", NAME))
    for name, value in told.items():
        monkeypatch.setenv(name, str(value))

    given = command_of("ui").make_context("ui", []).params

    assert given["proxies"] == ("10.1.0.0/16", "fd00::/8")
    assert (given["user_header"], given["role_header"]) == ("X-Auth-User", "X-Auth-Role")
    assert (given["read_only"], given["https"]) == (True, True)
    assert (given["host"], given["port"]) == ("::", 8787)
    assert given["hosts"] == (NAME, f"{NAME}.flow", f"{NAME}.flow.svc", "a.b", "flow.example.com")


def test_its_service_and_its_ingress_lead_to_it():
    ingress = BEHIND | {"className": "nginx", "tlsSecret": "cert", "annotations": {"a": "b"}}
    rendered = rendered_with(
        TOKENS | {"ingress": ingress, "service": {"port": 8080}}, networkPolicy={"uiFrom": INGRESS}
    )
    labels = rendered.one("Deployment", NAME)["spec"]["template"]["metadata"]["labels"]
    ports = container(rendered.one("Deployment", NAME))["ports"]
    service, behind = rendered.one("Service", NAME)["spec"], rendered.one("Ingress", NAME)

    assert service["selector"].items() <= labels.items()
    assert service["ports"] == [{"name": "ui", "port": 8080, "targetPort": "ui"}]
    assert {"name": "ui", "containerPort": 8787} in ports
    [rule] = behind["spec"]["rules"]
    assert rule["host"] == "flow.example.com"
    assert rule["http"]["paths"][0]["backend"]["service"] == {"name": NAME, "port": {"name": "ui"}}
    assert behind["spec"]["tls"] == [{"hosts": ["flow.example.com"], "secretName": "cert"}]
    assert behind["metadata"]["annotations"] == {"a": "b"}


def test_those_who_are_named_reach_it_and_nobody_else():
    closed = rendered_with(TOKENS).one("NetworkPolicy", NAME)["spec"]
    opened = rendered_with(TOKENS, networkPolicy={"uiFrom": INGRESS}).one("NetworkPolicy", NAME)

    assert closed["ingress"] == []
    expected = [{"from": INGRESS, "ports": [{"protocol": "TCP", "port": "ui"}]}]
    assert opened["spec"]["ingress"] == expected
    assert opened["spec"]["egress"] == closed["egress"]
    assert len(closed["egress"]) == 2  # DNS and NATS


def test_it_has_the_time_to_answer_what_was_asked():
    grace = pod(rendered_with(TOKENS).one("Deployment", NAME))["terminationGracePeriodSeconds"]

    assert grace > PARTING


@pytest.mark.parametrize(
    ("ui", "reason"),
    [
        ({"enabled": True}, "nobody could log in"),
        (TOKENS | {"ingress": {"enabled": True}}, "ui.ingress.host is missing"),
        (TOKENS | {"ingress": BEHIND}, "networkPolicy.uiFrom"),
        (TOKENS | {"auth": {"user": "user"}}, "ui.auth.secret"),
        (TOKENS | {"port": 80}, "port"),
        (TOKENS | {"token": "t"}, "token"),
    ],
)
def test_values_that_cannot_be_meant_are_refused(ui, reason):
    assert reason in refusal({"ui": ui})
