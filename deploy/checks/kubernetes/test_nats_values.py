"""Values for the official NATS chart, which is not at hand: what can be checked without, is."""

from __future__ import annotations

import json
import subprocess

import pytest
import yaml

from deploy.checks.kubernetes.chart import CHART, EXAMPLES, ROOT, pods, render
from flowworker.embedded import find_server_binary
from flowworker.jetstream.client.connection import MINIMUM
from flowworker.settings import Settings, check_fit

VALUES = yaml.safe_load((ROOT / "deploy/helm/nats-values.yaml").read_text("utf-8"))
OURS = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
INCLUDE = "zz$include"


def checked(configuration, folder):
    """What nats-server says of a configuration, with an empty file where accounts are included."""
    (folder / "accounts.conf").write_text("", encoding="utf-8")
    (folder / "nats.conf").write_text(
        json.dumps(configuration)[:-1] + ', include "./accounts.conf"}', encoding="utf-8"
    )
    return subprocess.run(
        [find_server_binary(), "-t", "-c", folder / "nats.conf"],
        capture_output=True,
        text=True,
        check=False,
    )


def configuration():
    """What the values say, in the server's own words."""
    config = VALUES["config"]
    merged = {name: value for name, value in config["merge"].items() if name != INCLUDE}
    gibibytes = config["jetstream"]["fileStore"]["pvc"]["size"].removesuffix("Gi")
    jetstream = {"max_file_store": int(gibibytes) * 2**30, **config["jetstream"]["merge"]}
    return {"http_port": config["monitor"]["port"], "jetstream": jetstream, **merged}


def test_the_server_takes_what_is_merged_into_its_configuration(tmp_path):
    done = checked(configuration(), tmp_path)

    assert done.returncode == 0, done.stderr


def test_the_server_would_say_so_if_not(tmp_path):
    wrong = {**configuration(), "jetstream": {"sync_intervall": "2m"}}

    assert checked(wrong, tmp_path).returncode != 0


def test_accounts_are_included_from_where_they_are_mounted():
    [mounted] = [part["value"] for part in VALUES["container"]["patch"]]
    [volume] = [part["value"] for part in VALUES["podTemplate"]["patch"]]

    assert mounted["name"] == volume["name"]
    # Relative to the folder of the server's own configuration, which is /etc/nats-config
    folder = mounted["mountPath"].removeprefix("/etc/")
    assert VALUES["config"]["merge"][INCLUDE].startswith(f"../{folder}/")


def test_the_example_for_production_fits_the_accounts_that_are_included():
    folder = ROOT / "deploy/nats/accounts"
    told = {path.name: path.read_text("utf-8") for path in folder.glob("*.conf")}
    rendered = render(file=CHART.parent / "examples/production.yaml")

    assert VALUES["config"]["merge"][INCLUDE].rpartition("/")[2] in told
    for one in pods(rendered):
        prefix = rendered.environment(one)["FLOWWORKER_INBOX_PREFIX"]
        user = prefix.removeprefix("_INBOX.")
        assert any(f"user: {user}\n" in text for text in told.values()), user
    [scaled] = rendered.of("ScaledObject")
    account = scaled["spec"]["triggers"][0]["metadata"]["account"]
    assert f"\n{account}: {{" in told["flowworker.conf"]


def test_the_server_is_one_that_we_work_with():
    version = VALUES["container"]["image"]["tag"].partition("-")[0]

    assert tuple(map(int, version.split("."))) >= MINIMUM


def test_our_messages_fit():
    check_fit(Settings(), VALUES["config"]["merge"]["max_payload"])


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_there_are_servers_for_all_replicas(path):
    told = render(file=path).environment(render(file=path).setup)

    assert int(told.get("FLOWWORKER_REPLICAS", 1)) <= VALUES["config"]["cluster"]["replicas"]


def test_our_chart_looks_for_nats_where_it_is():
    # A release named `nats` has the service `nats`, and `nats-headless` beside it
    assert OURS["nats"]["url"] == "nats://nats:4222"
    [scaled] = render(
        {"queues": {"q": {"app": "a:app", "autoscaling": {"enabled": True}}}}
    ).of("ScaledObject")  # fmt: skip
    monitored = scaled["spec"]["triggers"][0]["metadata"]["natsServerMonitoringEndpoint"]
    assert monitored.startswith("nats-headless.")
    assert monitored.endswith(f":{VALUES['config']['monitor']['port']}")
    assert VALUES["config"]["monitor"]["enabled"]


def test_a_memory_limit_that_the_garbage_collector_knows():
    limit = VALUES["container"]["resources"]["limits"]["memory"]
    known = VALUES["container"]["env"]["GOMEMLIMIT"]

    mebibytes = int(limit.removesuffix("Gi")) * 1024
    assert int(known.removesuffix("MiB")) == mebibytes * 9 // 10
