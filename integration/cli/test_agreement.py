"""Settings that must be equal over a fleet, compared by its processes on a real server."""

from __future__ import annotations

import base64
import json

import pytest
from click.testing import CliRunner

from flowworker import InvalidInput, Settings, connect, parse, wiring
from flowworker.cli import cli
from integration.cli.commands import APP, Commands, ended
from tests.support.waiting import blocking_eventually


async def joins(server, namespace, **settings):
    """Whether a process with these settings may be a member of the fleet."""
    backend = await wiring.open_nats(
        server.url, namespace, settings=Settings(**settings), create=True, member=True
    )
    await backend.close()


def refused(server, namespace, *command, **variables):
    """What a process says that may not take part."""
    environment = {"FLOWWORKER_NATS_URL": server.url, "FLOWWORKER_NAMESPACE": namespace}
    result = CliRunner().invoke(cli, list(command), env=environment | variables)
    assert result.exit_code == 2, result.output
    [line] = result.stderr.splitlines()
    return json.loads(line)["event"]


async def test_the_first_process_says_and_others_are_compared(server, namespace):
    await joins(server, namespace, lease=10.0)

    await joins(server, namespace, lease=10.0)
    with pytest.raises(InvalidInput, match=r"FLOWWORKER_LEASE: 20\.0 here, 10\.0 in the fleet"):
        await joins(server, namespace, lease=20.0)


def test_setup_changes_them_and_says_so(server, namespace):
    old, new = ({"FLOWWORKER_NAMESPACE": namespace, "FLOWWORKER_LEASE": n} for n in ("10", "20"))
    Commands(server.url, **old)("setup")
    for process in (("coordinator",), ("worker", "--app", APP)):
        said = refused(server, namespace, *process, FLOWWORKER_LEASE="20")
        assert said.startswith("FLOWWORKER_LEASE: 20.0 here, 10.0 in the fleet; give the same to")
    # What would be changed is shown before, and changed by setup alone
    setup = Commands(server.url, **new)
    assert '{"values":{"lease":[20.0,10.0]}}' in setup("setup", "--dry-run")
    refused(server, namespace, "coordinator", FLOWWORKER_LEASE="20")
    assert '"lease":[20.0,10.0]' in setup("setup")
    assert "lease" not in setup("setup")
    # Then a third value is refused
    refused(server, namespace, "coordinator", FLOWWORKER_LEASE="30")


def test_doctor_names_processes_that_hide_less_than_was_agreed_upon(server, namespace):
    fleet = Commands(server.url, FLOWWORKER_NAMESPACE=namespace)
    fleet("setup")

    def says(line):
        return lambda: line in fleet.process("doctor").stdout

    # Given a coordinator that was started before
    with fleet.running("coordinator") as first:
        blocking_eventually(says("1 coordinators and 0 workers are there"))
        Commands(server.url, FLOWWORKER_NAMESPACE=namespace, FLOWWORKER_REDACT="pin")("setup")
        [old] = [one["id"] for one in fleet.lines("coordinators")]

        # Then it is named, and one that is started now is not
        with fleet.running("coordinator"):
            blocking_eventually(says("2 coordinators and 0 workers are there"))
            found = fleet.process("doctor").stdout
            assert f"problem redact: {old} does not hide pin\n" in found
            assert "start these anew" in found
            ended(first)
            blocking_eventually(says("ok      redact: all processes hide what the fleet hides"))


async def test_a_fleet_that_seals_refuses_what_would_not(server, namespace, tmp_path):
    (tmp_path / "keys").write_text(f"k1 {base64.b64encode(bytes(32)).decode()}\n")
    (tmp_path / "others").write_text(f"k1 {base64.b64encode(bytes(range(32))).decode()}\n")
    await joins(server, namespace, payload_keys=str(tmp_path / "keys"))

    with pytest.raises(InvalidInput, match="seals payloads with the key 'k1'"):
        await joins(server, namespace)
    with pytest.raises(InvalidInput, match="payload key 'k1': another key than the fleet has"):
        await joins(server, namespace, payload_keys=str(tmp_path / "others"))
    # A client without keys may look, and sends nothing that others could read
    async with connect(server.url, namespace=namespace, settings=Settings()) as client:
        assert await client.list() == []
        await client.register(parse("{name: w, steps: [{id: a, uses: b}]}"))
        with pytest.raises(InvalidInput, match="this fleet seals payloads, and what is sent from"):
            await client.start("w", {})
