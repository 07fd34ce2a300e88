"""The Jobs that prepare a fleet: `setup` before everything, `register` after it."""

from __future__ import annotations

import pytest

from deploy.checks.kubernetes.chart import component, container, pod, refusal, render
from flowworker.definitions import load_paths
from tests.support.commands import command_of

APP = "shop.handlers:app"
QUEUES = {"default": {"app": APP}, "gpu": {"app": APP}}
DEFINITION = "name: hello\nversion: v1\nsteps:\n  - {id: greet, uses: greet}\n"


def hook(one):
    return one["metadata"].get("annotations", {}).get("helm.sh/hook")


def test_setup_comes_first_and_makes_the_lanes_of_all_queues():
    rendered = render({"queues": QUEUES, "setup": {"queues": ["elsewhere", "gpu"]}})

    assert hook(rendered.setup) == "pre-install,pre-upgrade"
    arguments = container(rendered.setup)["args"]
    queues = ["default", "gpu", "elsewhere"]
    assert arguments == ["setup", *(part for queue in queues for part in ("--queue", queue))]


@pytest.mark.parametrize("is_hook", [True, False])
def test_setup_needs_nothing_that_is_not_there_yet(is_hook):
    rendered = render({"queues": QUEUES, "setup": {"hook": is_hook}})

    assert "envFrom" not in container(rendered.setup)
    assert pod(rendered.setup)["serviceAccountName"] == "default"


def test_setup_as_a_job_is_another_one_when_it_changes():
    def made(queues):
        return render({"queues": queues, "setup": {"hook": False}}).setup

    first, second = made(QUEUES), made({"default": {"app": APP}})
    assert hook(first) is None
    assert first["metadata"]["name"] != second["metadata"]["name"]
    assert first == made(QUEUES)


def test_setup_can_be_left_out():
    rendered = render({"queues": QUEUES, "setup": {"enabled": False}})

    assert rendered.of("Job") == []
    assert "setup" not in {component(one) for one in rendered.of("NetworkPolicy")}


@pytest.mark.parametrize("name", ["setup", "registering"])
def test_a_job_ends(name):
    job = getattr(render({"queues": QUEUES, "register": {"paths": ["w"]}}), name)

    assert pod(job)["restartPolicy"] == "Never"
    assert job["spec"]["backoffLimit"] > 0
    assert job["spec"]["activeDeadlineSeconds"] > 0
    [rule] = job["spec"]["podFailurePolicy"]["rules"]
    assert rule["onExitCodes"]["containerName"] == container(job)["name"]
    # What trying again does not mend; 4, a server that is not there yet, is not among them
    assert rule["onExitCodes"]["values"] == [1, 2]


def test_nothing_is_registered_unless_given():
    assert [component(one) for one in render({"queues": QUEUES}).of("Job")] == ["setup"]


def test_definitions_of_the_values(tmp_path):
    values = {"queues": QUEUES, "register": {"definitions": {"hello.yaml": DEFINITION}}}
    rendered = render(values)
    data = rendered.one("ConfigMap", "shop-flowworker-definitions")["data"]

    assert hook(rendered.registering) == "post-install,post-upgrade"
    folder = container(rendered.registering)["args"][1]
    assert container(rendered.registering)["args"] == ["register", folder]
    mount = {"name": "definitions", "mountPath": folder, "readOnly": True}
    assert mount in container(rendered.registering)["volumeMounts"]
    volume = {"name": "definitions", "configMap": {"name": "shop-flowworker-definitions"}}
    assert volume in pod(rendered.registering)["volumes"]
    # As the kubelet mounts it: files are links into a hidden folder
    (tmp_path / "..data").mkdir()
    for name, text in data.items():
        (tmp_path / "..data" / name).write_text(text, encoding="utf-8")
        (tmp_path / name).symlink_to(tmp_path / "..data" / name)
    assert [workflow.name for _, workflow in load_paths(tmp_path)] == ["hello"]


def test_definitions_of_a_config_map():
    rendered = render({"queues": QUEUES, "register": {"configMap": "workflows"}})

    volume = {"name": "definitions", "configMap": {"name": "workflows"}}
    assert volume in pod(rendered.registering)["volumes"]


def test_definitions_of_the_image():
    rendered = render({"queues": QUEUES, "register": {"paths": ["a", "b"], "hook": False}})

    assert container(rendered.registering)["args"] == ["register", "a", "b"]
    assert hook(rendered.registering) is None


def test_other_definitions_are_another_job():
    def name(text):
        register = {"hook": False, "definitions": {"hello.yaml": text}}
        return render({"queues": QUEUES, "register": register}).registering["metadata"]["name"]

    assert name(DEFINITION) != name(DEFINITION.replace("v1", "v2"))


def test_definitions_from_two_sources_are_refused():
    register = {"configMap": "workflows", "definitions": {"hello.yaml": DEFINITION}}
    assert "give one of them" in refusal({"queues": QUEUES, "register": register})


def test_commands_are_such_that_the_program_has():
    rendered = render({"queues": QUEUES, "register": {"paths": ["w"]}})

    everything = [*rendered.of("Deployment"), *rendered.of("Job")]
    assert {container(one)["args"][0] for one in everything} == {
        "coordinator", "worker", "setup", "register",
    }  # fmt: skip
    for one in everything:
        command, *arguments = container(one)["args"]
        if command != "register":
            command_of(command).make_context(command, arguments)
