"""The units of deploy/systemd: what systemd says of them, and what they run is what there is."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.checks.systemd.conftest import FOLDER
from flowworker.cli.errors import INVALID
from flowworker.cli.serving import PARTING
from flowworker.settings import CONNECTION, Settings
from flowworker.web import serving
from tests.support.commands import command_of

INSTALLED = "/opt/flowworker/bin"
BINARIES = Path(sys.executable).parent

EXPOSURE = 2.0
"""The most that systemd may find exposed, of 10."""


def run(*command: str | Path) -> tuple[int, str]:
    """Exit code, and all that was printed."""
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    return result.returncode, result.stdout + result.stderr


def test_systemd_finds_nothing_wrong(unit, tmp_path):
    copy = tmp_path / unit.path.name.replace("@", "@default")
    copy.write_text(unit.text.replace(INSTALLED, str(BINARIES)), encoding="utf-8")

    assert run("systemd-analyze", "verify", "--man=no", copy) == (0, "")


def test_systemd_finds_little_exposed(unit):
    code, said = run("systemd-analyze", "security", "--offline=yes", "--no-pager", unit.path)

    assert code == 0, said
    [exposure] = re.findall(r"Overall exposure level for .*: ([\d.]+)", said)
    assert float(exposure) <= EXPOSURE


def test_an_instance_of_a_worker_serves_its_queue(units):
    context = parsed(units["worker"], {"${APP}": "shop.handlers:app", "%i": "gpu"})

    assert context.params["queues"] == ("gpu",)
    assert context.params["app_names"] == ("shop.handlers:app",)


def test_a_coordinator_is_run(units):
    assert parsed(units["coordinator"], {}).info_name == "coordinator"


def test_a_dashboard_is_run(units):
    assert parsed(units["ui"], {}).info_name == "ui"
    assert units["ui"].all("EnvironmentFile")[-1] == "/etc/flowworker/ui.env"  # it has to be there


def parsed(unit, values):
    """The command of a unit as the command line understands it."""
    program, name, *arguments = shlex.split(unit["ExecStart"])
    assert program == f"{INSTALLED}/flowworker"
    return command_of(name).make_context(name, [values.get(each, each) for each in arguments])


def test_each_has_the_time_to_end_that_it_may_need(units):
    settings = Settings()

    assert float(units["worker"]["TimeoutStopSec"]) > settings.drain + PARTING
    assert float(units["coordinator"]["TimeoutStopSec"]) > settings.partition_lease
    assert float(units["ui"]["TimeoutStopSec"]) > serving.PARTING


def test_only_the_process_itself_is_asked_to_end(units):
    for name in ("worker", "coordinator", "ui"):
        assert units[name]["KillMode"] == "mixed"
        assert units[name]["RestartPreventExitStatus"] == str(INVALID)


def test_the_server_takes_the_configuration(units, tmp_path):
    program, *arguments = shlex.split(units["nats"]["ExecStart"])
    assert (program, arguments) == (
        f"{INSTALLED}/nats-server",
        ["-c", "/etc/flowworker/nats.conf"],
    )

    code, said = run(BINARIES / "nats-server", "-t", "-c", FOLDER / "nats.conf")

    assert code == 0, said
    assert units["nats"]["StateDirectory"] == "flowworker-nats"
    assert "store_dir: /var/lib/flowworker-nats\n" in (FOLDER / "nats.conf").read_text("utf-8")


def test_variables_are_such_that_are_read():
    text = (FOLDER / "fleet.env").read_text("utf-8")

    assert set(re.findall("^([A-Z_]+)=", text, re.MULTILINE)) <= set(CONNECTION.values())


@pytest.mark.parametrize("broken", ["ExecStart=/nowhere", "ProtectSystem=nowhere", "Nowhere=yes"])
def test_a_unit_that_is_wrong_is_found(unit, tmp_path, broken):
    copy = tmp_path / unit.path.name.replace("@", "@default")
    text = unit.text.replace(INSTALLED, str(BINARIES))
    name = broken.partition("=")[0]
    replaced = name if name in text else "Type"
    changed = re.sub(rf"^{replaced}=.*$", broken, text, count=1, flags=re.MULTILINE)
    copy.write_text(changed, encoding="utf-8")

    _, said = run("systemd-analyze", "verify", "--man=no", copy)

    assert "nowhere" in said.lower()
