"""Streams and terminals as they may be, with real processes."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys

import click
import pytest

from flowworker.cli.options import read_json
from flowworker.cli.render import json_line
from flowworker.errors import InvalidInput
from tests.support.terminals import COMMAND, on_terminal
from tests.support.waiting import WAIT_LIMIT

pytestmark = pytest.mark.slow

FLOW = "name: w\nsteps: [{id: a, uses: pay}]\n"


def run(*arguments, shell="", **environment):
    """A command's result; `shell` stands behind it, such as a redirection."""
    line = f"exec {' '.join([*COMMAND, *arguments])} {shell}"
    return subprocess.run(
        ["sh", "-c", line],
        capture_output=True,
        check=False,
        timeout=WAIT_LIMIT,
        env={**os.environ, **environment},
    )


@pytest.fixture
def hostile(tmp_path):
    """A folder of definitions whose names would steer a terminal."""
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "\x1b[2Jgood\u202e.yaml").write_text(FLOW)
    (tmp_path / "flows" / "bad\x9b31m\n.yaml").write_text("name: w\n")
    return "flows"


def unseen(text):
    return [c for c in text if not c.isprintable() and c not in "\r\n"]


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_names_of_files_do_not_steer_a_terminal(hostile, options):
    shown, code = on_terminal("validate", hostile, *options, NO_COLOR="1")

    assert code == 2
    assert "bad" in shown
    assert unseen(shown) == []


def test_an_error_does_not_steer_a_terminal():
    shown, code = on_terminal("validate", "\x1b[2Jnone\u202e", NO_COLOR="1")

    assert code == 2
    assert "none" in shown
    assert unseen(shown) == []


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [({}, True), ({"NO_COLOR": ""}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
)
def test_colour_is_for_terminals_that_want_it(environment, coloured):
    shown, _ = on_terminal("no-such-command", **environment)

    assert ("\x1b[" in shown) == coloured
    assert "no-such-command" in shown


@pytest.mark.parametrize("environment", [{"COLUMNS": "0"}, {"COLUMNS": "0", "LINES": "0"}])
def test_no_columns_are_any_number(tmp_path, environment):
    (tmp_path / "table.py").write_text(
        "import click, flowworker.cli as c\n"
        "from flowworker.cli.tables import print_table\n"
        "table = lambda: print_table(('A', 'STATE'), [['one', 'FAILED']], status=1)\n"
        "c.cli.add_command(click.Command('table', callback=table))\n"
        "c.main()\n"
    )
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "table.py", "table"],
        stdout=theirs,
        env={**os.environ, "TERM": "xterm", "NO_COLOR": "1", **environment},
    ) as process:
        assert process.wait(WAIT_LIMIT) == 0
    shown = os.read(ours, 65_536).decode()
    os.close(ours)
    os.close(theirs)

    assert "one" in shown
    assert "FAILED" in shown


@pytest.mark.parametrize("arguments", [("validate", "."), ("--help",), ("list", "--help")])
def test_a_closed_pipe_is_no_failure(tmp_path, arguments):
    for number in range(3):
        (tmp_path / f"{number}.yaml").write_text(FLOW.replace("w", f"w{number}"))
    read, write = os.pipe()
    os.close(read)  # as a pager that has been left
    done = subprocess.run(
        [*COMMAND, *arguments],
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
        timeout=WAIT_LIMIT,
    )
    os.close(write)

    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("arguments", [("validate", "flow.yaml"), ("--version",), ("--help",)])
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&- <&-"])
def test_closed_streams_are_no_failure(tmp_path, arguments, closed):
    (tmp_path / "flow.yaml").write_text(FLOW)

    done = run(*arguments, shell=closed)

    assert (done.returncode, done.stderr) == (0, b"")


def test_a_closed_stderr_does_not_change_the_exit_code():
    assert run("validate", "missing", shell="2>&-").returncode == 2


@pytest.mark.parametrize("encoding", ["latin-1", "cp437"])
def test_what_an_encoding_does_not_have_is_escaped(tmp_path, encoding):
    (tmp_path / "f\u00e4\u2192\U0001f600.yaml").write_text(FLOW, encoding="utf-8")
    found = os.listdir(tmp_path)

    plain = run("validate", ".", PYTHONIOENCODING=encoding)
    reported = run("validate", ".", "--json", PYTHONIOENCODING=encoding)

    assert (plain.returncode, plain.stderr) == (0, b"")
    assert b"\\u2192" in plain.stdout
    assert json.loads(reported.stdout.decode("ascii"))["workflows"][0]["path"] in found


@pytest.mark.parametrize(
    "text", ["\x7f\x85\u2028\u202e\u200b", "\U0001f600 \U000e0041", "a\nb\x1b", "\u00e4 \u2192"]
)
def test_json_shows_what_can_be_seen(text):
    line = json_line({"a": text})

    assert json.loads(line) == {"a": text}
    assert unseen(line) == []
    assert ("\u2192" in line) == ("\u2192" in text)


def test_ctrl_c_while_an_app_is_imported_is_silent(tmp_path):
    (tmp_path / "slow.py").write_text("import time\nprint('now', flush=True)\ntime.sleep(600)\n")

    assert_silent("validate", "--app", "slow", "x")


def test_ctrl_c_while_the_program_itself_is_imported_is_silent(tmp_path):
    (tmp_path / "click.py").write_text("import time\nprint('now', flush=True)\ntime.sleep(600)\n")

    assert_silent("--help")


def assert_silent(*arguments):
    with subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "now\n"
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=WAIT_LIMIT)
    assert process.returncode == 130
    assert stderr.strip() == ""


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_an_input_may_begin_with_a_mark(tmp_path, encoding):
    (tmp_path / "input.json").write_text('{"who": "Ad\u00e4"}', encoding=encoding)

    assert json.loads(read_json("--input", "@input.json")) == {"who": "Ad\u00e4"}
    (tmp_path / "input.json").write_text('{"who"', encoding=encoding)
    with pytest.raises(InvalidInput, match="not JSON"):
        read_json("--input", "@input.json")


@pytest.mark.parametrize("command", [("coordinator",), ("worker", "--app", "shop")])
@pytest.mark.parametrize(
    ("variable", "text", "reported"),
    [
        ("FLOWWORKER_HTTP_PORT", "tcp://10.0.0.7:80", "what Kubernetes says of a service"),
        ("FLOWWORKER_LEASE", "30s", "FLOWWORKER_LEASE='30s': expected a number of seconds"),
        ("FLOWWORKER_CONCURRENCY", "many", "FLOWWORKER_CONCURRENCY"),
        ("FLOWWORKER_MAX_ACTIVE", "1.5", "expected a whole number"),
    ],
)
def test_a_variable_that_cannot_be_meant_is_met_with_a_sentence(
    tmp_path, command, variable, text, reported
):
    (tmp_path / "shop.py").write_text("from flowworker import App\napp = App()\n")

    done = run(*command, **{variable: text})

    assert done.returncode == 2
    [line] = done.stderr.decode().splitlines()
    assert reported in json.loads(line)["event"]


def test_the_log_level_may_be_written_as_one_likes(flowworker, monkeypatch):
    monkeypatch.setenv("FLOWWORKER_LOG_LEVEL", "WARNING")
    monkeypatch.setenv("FLOWWORKER_LEASE", "30s")

    assert "FLOWWORKER_LEASE" in flowworker("coordinator").stderr


@pytest.mark.parametrize("command", [("worker",), ("dev",), ("validate", "x.yaml")])
def test_an_app_without_a_name_is_refused(flowworker, command):
    result = flowworker(*command, "--app", "")

    assert result.exit_code == 2
    assert "--app: expected MODULE or MODULE:ATTRIBUTE, found ''" in result.stderr


def test_the_traceback_of_a_bug_does_not_steer_a_terminal(flowworker, monkeypatch):
    from flowworker.cli import cli

    def fail():
        raise ValueError("\x1b[2J")

    monkeypatch.setenv("FLOWWORKER_DEBUG", "1")
    monkeypatch.setitem(cli.commands, "broken", click.Command("broken", callback=fail))

    result = flowworker("broken")

    assert result.exit_code == 1
    assert "Traceback" in result.stderr
    assert "\x1b" not in result.stderr
