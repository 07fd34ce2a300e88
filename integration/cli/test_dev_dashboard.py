"""The dashboard that `flowworker dev` has by itself."""

from __future__ import annotations

import re
import subprocess
import sys

from bench.ports import free_port
from integration.cli.commands import ROOT, Commands, ended
from integration.cli.dashboards import greeting, place_in, said_of
from integration.cli.processes import DEV, is_reachable
from integration.web.api import Api
from tests.support.waiting import blocking_eventually


def test_dev_serves_a_dashboard_of_its_fleet_to_who_has_the_address():
    with Commands("").running(*DEV, "--ui-port", "0") as process:
        [said] = said_of(greeting(process))
        host, port, token = place_in(said)
        api = Api(host, port, token)
        blocking_eventually(lambda: api("GET", "/workflows").status != 503)

        assert host == "127.0.0.1"
        assert api("GET", "/session", token="").status == 401
        assert api.get("/session")["role"] == "operator"
        run = api("POST", "/runs", {"workflow": "sum"}).json["id"]
        api.until(run, "COMPLETED")
        assert [one["pid"] for one in api.get("/coordinators")["coordinators"]] == [process.pid]

        stderr = ended(process)
    assert process.returncode == 0
    assert "Traceback" not in stderr
    assert not is_reachable(f"{host}:{port}")


def test_dev_without_a_dashboard():
    with Commands("").running(*DEV, "--no-ui") as process:
        assert said_of(greeting(process)) == []


def test_dev_says_how_to_get_a_dashboard_if_it_is_not_installed():
    command = [sys.executable, "-m", "integration.cli.without_ui", *DEV]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        lines = greeting(process)
        [url] = re.findall(r"nats://[\d.]+:\d+", lines[0])
        Commands(url)("start", "sum", "--wait")
        ended(process)

    assert said_of(lines) == ["is not installed: pip install 'flowworker[ui]' brings it"]
    assert process.returncode == 0


def test_a_port_that_was_asked_for_and_is_taken_is_said_before_anything_starts():
    port = free_port()
    with Commands("").running(*DEV, "--ui-port", str(port)) as process:
        greeting(process)
        refused = Commands("").process(*DEV, "--ui-port", str(port))

    assert refused.returncode == 2
    assert refused.stdout == ""
    expected = rf"error: --ui-port {port}: Address already in use; choose another one\n"
    assert re.fullmatch(expected, refused.stderr)
