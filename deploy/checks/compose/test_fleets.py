"""The processes of the compose files, on hosts with the names of the services."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from deploy.checks.compose.hosts import Network
from deploy.checks.compose.project import Project
from tests.support.waiting import blocking_eventually

OURS = ("coordinator", "worker", "ui")


@pytest.fixture
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Project]:
    """A compose file, up."""
    with Network(tmp_path) as network, Project(request.param, tmp_path, network) as project:
        try:
            project.up()
            yield project
        finally:
            print(project.logs())


def all_of(project: Project) -> list[str]:
    return [replica for service in OURS for replica in project.replicas(service)]


def until(project: Project, role: str, *arguments: str) -> str:
    """What our command prints when it succeeds, as this role where there are roles."""
    said = ""
    if role not in project.services:
        role = "worker"  # which may do everything there

    def succeeds() -> bool:
        nonlocal said
        code, said = project.run_service(role, *arguments)
        return code == 0

    blocking_eventually(succeeds, f"flowworker {arguments}", 0.5)
    return said


def outcome(project: Project, who: str) -> object:
    """The output of a run that is started under this id, once."""
    given = json.dumps({"who": who})
    said = until(project, "operator", "start", "hello", "--id", who, "--input", given, "--wait")
    return json.loads(said.splitlines()[-1])["output"]


@pytest.mark.parametrize("project", ["compose.yaml"], indirect=True)
def test_a_fleet_on_a_cluster_goes_on_without_one_server(project):
    for replica in all_of(project):
        blocking_eventually(partial(project.is_healthy, replica), replica, 0.5)
    until(project, "registrar", "register", "/app/hello")
    assert outcome(project, "Ada") == {"shout": {"text": "HELLO, ADA!"}}
    blocking_eventually(lambda: scraped(project) == 5, "all five are scraped", 1.0)
    assert shown(project) == ["Ada"]

    project.processes["nats-2.1"].kill()

    assert outcome(project, "Grace") == {"shout": {"text": "HELLO, GRACE!"}}
    assert shown(project) == ["Grace", "Ada"]
    for replica in all_of(project)[::-1]:
        assert project.end(replica) == 0, replica
    assert project.end("prometheus.1") == 0


def shown(project: Project) -> list[str]:
    """The runs that the API lists for who has the token, and for nobody else."""
    url = "http://127.0.0.1:8787/api/v1/runs"
    assert project.run("ui.1", "wget", "-q", "-O-", url)[0] != 0
    token = f"--header=Authorization: Bearer {project.variables['FLOWWORKER_UI_TOKEN']}"
    code, said = project.run("ui.1", "wget", "-q", "-O-", token, url)
    assert code == 0, said
    return [run["id"] for run in json.loads(said)["runs"]]


def scraped(project: Project) -> int:
    """How many processes of ours Prometheus found by name, and reads."""
    query = urllib.parse.quote('sum(up{job=~"flowworker-.*"})')
    url = f"http://127.0.0.1:9090/api/v1/query?query={query}"
    code, said = project.run("prometheus.1", "wget", "-q", "-O-", url)
    found = json.loads(said)["data"]["result"] if code == 0 else []
    return int(found[0]["value"][1]) if found else 0


@pytest.mark.parametrize("project", ["compose.small.yaml"], indirect=True)
def test_a_fleet_on_one_server_runs_a_workflow(project):
    for replica in all_of(project):
        blocking_eventually(partial(project.is_healthy, replica), replica, 0.5)
    until(project, "registrar", "register", "/app/hello")

    assert outcome(project, "Ada") == {"shout": {"text": "HELLO, ADA!"}}
    assert shown(project) == ["Ada"]
    for replica in all_of(project):
        assert project.end(replica) == 0, replica
