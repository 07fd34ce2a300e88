"""Settings and logins: names that the code reads, and values that arrive as they were given."""

from __future__ import annotations

import json

import msgspec
import pytest

from deploy.checks.kubernetes.chart import CHART, EXAMPLES, container, pod, pods, render
from flowworker.jetstream import TopologyOptions
from flowworker.settings import ENV_PREFIX, Settings, from_environment, settings_from
from tests.support.commands import command_of

QUEUES = {"default": {"app": "shop.handlers:app"}}


def names_read():
    """Every variable that a process reads."""
    structs = [
        f"{ENV_PREFIX}{name.upper()}"
        for struct in (Settings, TopologyOptions)
        for name in struct.__struct_fields__
    ]
    options = [
        option.envvar
        for command in ("coordinator", "worker", "setup", "register", "ui")
        for option in command_of(command).params
        if option.envvar
    ]
    return {*structs, *options}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_variables_are_such_that_are_read(path):
    rendered = render(file=path)

    for one in pods(rendered):
        names = {name for name in rendered.environment(one) if name.startswith(ENV_PREFIX)}
        assert names
        assert names <= names_read()


CHOSEN = {
    "lease": 12.5,
    "partition_lease": 20,
    "inline_limit": 1024,
    "message_limit": 2048,
    "payload_limit": 1073741824,
    "retention": 604800,
    "handler_grace": 300,
    "short_delay": 0.5,
    "concurrency": 8,
    "drain": 60,
    "sweep": 30,
    "max_active": 1000000,
    "workflow_labels": False,
    "handler_labels": False,
    "payload_codec": "shop.seals:codec",
    "require_sealed": True,
    "redact": ["*password*", "token"],
    "reply_prefixes": ["_INBOX.", "shop.result."],
}


def test_settings_arrive_as_they_were_given():
    rendered = render({"settings": CHOSEN, "queues": QUEUES})
    told = rendered.environment(rendered.coordinator)

    for name, value in CHOSEN.items():
        arrived = getattr(settings_from(told), name)
        assert arrived == (tuple(value) if isinstance(value, list) else value)
    worker = rendered.environment(rendered.worker())
    assert settings_from(worker) == msgspec.structs.replace(settings_from(told), concurrency=64)


def test_streams_arrive_as_they_were_given():
    chosen = {
        "replicas": 3,
        "storage": "file",
        "events_age": 86400,
        "partitions": 32,
        "shards": 4,
        "durability": "machine",
    }
    rendered = render({"streams": chosen, "queues": QUEUES})

    for one in (rendered.setup, rendered.coordinator, rendered.worker()):
        made = from_environment(TopologyOptions, rendered.environment(one))
        assert msgspec.structs.asdict(made) == chosen


def test_what_is_not_given_has_the_default_of_the_code():
    rendered = render({"queues": QUEUES})

    assert settings_from(rendered.environment(rendered.coordinator)) == Settings()


def test_the_jobs_are_told_the_same_as_the_processes():
    rendered = render({"settings": CHOSEN, "queues": QUEUES, "register": {"paths": ["w"]}})
    data = rendered.one("ConfigMap", "shop-flowworker-settings")["data"]

    for one in (rendered.setup, rendered.registering):
        assert data.items() <= rendered.environment(one).items()


def test_pods_begin_anew_when_settings_change():
    def annotation(lease):
        made = render({"settings": {"lease": lease}, "queues": QUEUES}).worker()
        return made["spec"]["template"]["metadata"]["annotations"]["checksum/settings"]

    assert annotation(30) == annotation(30) != annotation(31)


LOGINS = {
    "creds": ("FLOWWORKER_CREDS", "/run/secrets/nats/key"),
    "nkey": ("FLOWWORKER_NKEY", "/run/secrets/nats/key"),
    "user": ("FLOWWORKER_USER", {"secretKeyRef": {"name": "login", "key": "key"}}),
    "password": ("FLOWWORKER_PASSWORD", {"secretKeyRef": {"name": "login", "key": "key"}}),
    "token": ("FLOWWORKER_TOKEN", {"secretKeyRef": {"name": "login", "key": "key"}}),
}


@pytest.mark.parametrize("way", LOGINS)
def test_a_process_logs_in_with_its_own_secret(way):
    variable, expected = LOGINS[way]
    own = {"auth": {"secret": "login", way: "key", "inboxPrefix": "_INBOX.me"}}
    register = {"paths": ["w"], **own}
    queues = {"default": {"app": "a:app", **own}, "other": {"app": "a:app"}}
    rendered = render({"coordinator": own, "setup": own, "register": register, "queues": queues})

    everybody = [rendered.coordinator, rendered.setup, rendered.registering, rendered.worker()]
    for one in everybody:
        told = rendered.environment(one)
        assert told[variable] == expected
        assert told["FLOWWORKER_INBOX_PREFIX"] == "_INBOX.me"
        mount = {"name": "nats", "mountPath": "/run/secrets/nats", "readOnly": True}
        assert mount in container(one)["volumeMounts"]
        volume = {"name": "nats", "secret": {"secretName": "login", "defaultMode": 0o440}}
        assert volume in pod(one)["volumes"]
    assert variable not in rendered.environment(rendered.worker("other"))


def test_a_login_for_all():
    auth = {"secret": "login", "creds": "all.creds"}
    rendered = render({"nats": {"auth": auth}, "queues": QUEUES})

    for one in pods(rendered):
        assert rendered.environment(one)["FLOWWORKER_CREDS"] == "/run/secrets/nats/all.creds"


def test_certificates_are_files_of_a_secret():
    tls = {"secret": "certs", "cert": "tls.crt", "key": "tls.key", "hostname": "nats.shop"}
    rendered = render({"nats": {"tls": tls}, "queues": QUEUES})

    for one in pods(rendered):
        told = rendered.environment(one)
        assert told["FLOWWORKER_TLS_CA"] == "/run/secrets/nats-tls/ca.crt"
        assert told["FLOWWORKER_TLS_CERT"] == "/run/secrets/nats-tls/tls.crt"
        assert told["FLOWWORKER_TLS_KEY"] == "/run/secrets/nats-tls/tls.key"
        assert told["FLOWWORKER_TLS_HOSTNAME"] == "nats.shop"
        assert [volume["name"] for volume in pod(one)["volumes"]] == ["tmp", "nats-tls"]


def test_the_keys_of_payloads_are_a_file_of_a_secret():
    sealed = {
        "payloadKeys": {"secret": "seals", "key": "2026"},
        "settings": {"require_sealed": True},
    }
    rendered = render({**sealed, "queues": QUEUES, "register": {"paths": ["w"]}})

    for one in pods(rendered):
        told = rendered.environment(one)
        assert told["FLOWWORKER_PAYLOAD_KEYS"] == "/run/secrets/payloads/2026"
        assert settings_from(told).require_sealed
        mount = {"name": "payloads", "mountPath": "/run/secrets/payloads", "readOnly": True}
        assert mount in container(one)["volumeMounts"]
        volume = {"name": "payloads", "secret": {"secretName": "seals", "defaultMode": 0o440}}
        assert volume in pod(one)["volumes"]


def test_no_secret_is_made_or_written_out():
    for path in EXAMPLES:
        assert render(file=path).of("Secret") == []


def test_the_chart_has_the_version_of_the_package():
    project = (CHART.parents[2] / "pyproject.toml").read_text("utf-8")
    chart = (CHART / "Chart.yaml").read_text("utf-8")
    [version] = [line for line in project.splitlines() if line.startswith("version = ")]
    number = json.loads(version.removeprefix("version = "))

    assert f'appVersion: "{number}"\n' in chart
    assert f"\nversion: {number}\n" in chart
