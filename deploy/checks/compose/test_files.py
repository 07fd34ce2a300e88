"""The compose files, read by what reads them: the schema of compose, and nats-server."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import jsonschema_rs
import pytest
import yaml

from deploy.checks.compose.project import (
    BINARIES,
    COMPOSE,
    NOT_HERE,
    PROGRAMS,
    image_of,
    load,
    passwords,
)
from flowworker.cli.access import TOKEN_VARIABLE
from flowworker.cli.serving import PARTING
from flowworker.jetstream import TopologyOptions
from flowworker.settings import CONNECTION, ENV_PREFIX, Settings
from flowworker.web import serving
from flowworker.web.tokens import SHORTEST
from tests.support.commands import command_of

MODULE = "github.com/compose-spec/compose-go/v2@v2.16.2"
FILES = ["compose.yaml", "compose.small.yaml"]


@pytest.fixture(params=FILES)
def project(request):
    """Each of the files."""
    return load(request.param, passwords())


@pytest.fixture(scope="session")
def schema():
    """The schema of compose files, from the Go module that docker reads them with."""
    done = subprocess.run(
        ["go", "mod", "download", "-json", MODULE], check=True, capture_output=True, text=True
    )
    path = Path(json.loads(done.stdout)["Dir"], "schema", "compose-spec.json")
    return jsonschema_rs.validator_for(json.loads(path.read_bytes()))


def test_it_is_a_compose_file(project, schema):
    assert [str(error) for error in schema.iter_errors(project)] == []


def test_a_file_that_is_none_is_found(project, schema):
    project["services"]["worker"]["comand"] = ["worker"]

    assert any("comand" in str(error) for error in schema.iter_errors(project))


@pytest.mark.parametrize("path", sorted(COMPOSE.glob("*.conf")), ids=lambda path: path.name)
def test_nats_takes_its_configuration(path, tmp_path):
    copy = tmp_path / "nats.conf"
    copy.write_text(path.read_text("utf-8"), encoding="utf-8")
    (tmp_path / "accounts").symlink_to((COMPOSE / "../nats/accounts").resolve())
    command = [BINARIES / "nats-server", "-t", "-c", copy]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=passwords())

    assert done.returncode == 0, done.stderr


def test_what_is_mounted_is_there(project):
    declared = project.get("volumes", {})
    for service in project["services"].values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in declared or (COMPOSE / source).exists(), volume


def test_each_command_is_one_of_ours(project):
    ours = [one for one in project["services"].values() if image_of(one) == "flowworker"]

    assert ours
    for service in ours:
        name, *arguments = service["command"]
        command_of(name).make_context(name, list(arguments))


def test_grafana_finds_its_dashboards_and_prometheus():
    services = load("compose.yaml", passwords())["services"]
    mounted = dict(volume.split(":")[:2] for volume in services["grafana"]["volumes"])
    provisioned = (COMPOSE / "../grafana/provisioning").resolve()
    [folder] = yaml.safe_load((provisioned / "dashboards/flowworker.yml").read_text("utf-8"))[
        "providers"
    ]
    [source] = yaml.safe_load((provisioned / "datasources/prometheus.yml").read_text("utf-8"))[
        "datasources"
    ]

    assert mounted["../grafana/provisioning"] == "/etc/grafana/provisioning"
    assert mounted["../grafana/dashboards"] == folder["options"]["path"]
    assert list((COMPOSE / "../grafana/dashboards").glob("*.json"))
    assert urlsplit(source["url"]).hostname in services


def test_images_are_known(project):
    for service in project["services"].values():
        assert image_of(service) in {*PROGRAMS, *NOT_HERE}


def test_variables_are_such_that_are_read(project):
    structs = (Settings, TopologyOptions)
    known = {f"{ENV_PREFIX}{name.upper()}" for one in structs for name in one.__struct_fields__}
    known |= {str(option.envvar) for option in command_of("ui").params} | {TOKEN_VARIABLE}
    for service in project["services"].values():
        given = {name for name in service.get("environment", {}) if name.startswith(ENV_PREFIX)}
        assert given <= known | set(CONNECTION.values())


def test_each_process_has_the_time_to_end_that_it_may_need(project):
    needed = {
        "worker": Settings().drain + PARTING,
        "coordinator": Settings().partition_lease,
        "ui": serving.PARTING,
    }
    for name, seconds in needed.items():
        given = project["services"][name]["stop_grace_period"]
        assert float(given.removesuffix("s")) > seconds


def test_nothing_listens_for_other_machines(project):
    for service in project["services"].values():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:")


def test_who_looks_by_http_needs_a_token(project):
    given = project["services"]["ui"]["environment"]

    assert len(given["FLOWWORKER_UI_TOKEN"]) >= SHORTEST
    assert project["services"]["ui"]["read_only"] is True
    assert project["services"]["ui"]["cap_drop"] == ["ALL"]
