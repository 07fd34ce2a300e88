"""TLS and each kind of credentials with every command, by option and by variable."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import click
import nkeys
import pytest
from click.testing import CliRunner

from flowworker.cli import cli
from flowworker.embedded import EmbeddedServer
from flowworker.settings import CONNECTION
from integration.cli.commands import APP, WORKFLOWS, Commands, until
from integration.security.pki import Authority, Key, Operator
from integration.web.api import TOKENS
from integration.web.conftest import served

Options = dict[str, str]

WAITING = """
name: approved
steps: [{id: ask, approval: {}}]
---
name: signalled
steps: [{id: hear, wait_for: {signal: go}}]
"""

ANSWERS = [
    ("ask", "WAITING_HUMAN", ("resume", "--action", "skip"), "COMPLETED"),
    ("ask", "WAITING_HUMAN", ("cancel",), "CANCELLED"),
    ("ask", "WAITING_HUMAN", ("terminate",), "CANCELLED"),
    ("ask", "WAITING_HUMAN", ("pause",), "WAITING_HUMAN"),
    ("ask", "WAITING_HUMAN", ("unpause",), "WAITING_HUMAN"),
    ("approved", "WAITING_HUMAN", ("approve",), "COMPLETED"),
    ("approved", "WAITING_HUMAN", ("reject", "--reason", "no"), "FAILED"),
    ("signalled", "RUNNING", ("signal", "go", "1"), "COMPLETED"),
    ("broken", "FAILED", ("retry",), "FAILED"),
    ("sum", "COMPLETED", ("rerun", "--from", "second"), "COMPLETED"),
]
"""A workflow, what becomes of a run of it, what is then said to that, and how it ends."""


SCHEDULING = (*("create", "show", "list", "pause", "unpause", "trigger", "backfill", "delete"),)
"""All that can be done to a schedule."""

LIMITING = ("set", "show", "list", "delete")
"""All that can be done to a limit."""


class Ways:
    """Three servers, with each kind of users between them; and the options that let one in."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.ours, self.others = Authority(folder, "ours"), Authority(folder, "others")
        cert, key = self.ours.issue("server")
        mine, its_key = self.ours.issue("client")
        user = Key(nkeys.PREFIX_BYTE_USER)
        (folder / "seed").write_bytes(user.seed)
        self.operator = Operator()
        mutual = {"tls_ca": self.ours.path, "tls_cert": mine, "tls_key": its_key}
        verified = f'ca_file: "{self.ours.path}", verify: true'
        tls = f'tls {{cert_file: "{cert}", key_file: "{key}"'
        users = f"users: [{{user: me, password: right}}, {{nkey: {user.public}}}]"
        self.url = {
            name: stack.enter_context(EmbeddedServer(store=folder / name, config=config)).url
            for name, config in {
                "mutual": f"{tls}, {verified}}}\nauthorization {{{users}}}",
                "one-way": f"{tls}}}\nauthorization {{token: right}}",
                "operator": self.operator.config,
                "open": "",
            }.items()
        }
        self.right: dict[str, tuple[str, Options]] = {
            "password": ("mutual", {**mutual, "user": "me", "password": "right"}),
            "nkey": ("mutual", {**mutual, "nkey": str(folder / "seed")}),
            "token": ("one-way", {"tls_ca": self.ours.path, "token": "right"}),
            "creds": ("operator", {"creds": self.operator.credentials(folder / "me.creds")}),
        }


@pytest.fixture(scope="module")
def ways(tmp_path_factory) -> Iterator[Ways]:
    with ExitStack() as stack:
        yield Ways(tmp_path_factory.mktemp("ways"), stack)


def flags(options: Options) -> list[str]:
    pairs = ((CONNECTION[name], value) for name, value in options.items())
    named = ((name.removeprefix("FLOWWORKER_").replace("_", "-").lower(), v) for name, v in pairs)
    return [text for name, value in named for text in (f"--{name}", value)]


def variables(options: Options) -> Options:
    return {CONNECTION[name]: value for name, value in options.items()}


class Both:
    """Runs each command twice: the way in by its options, and by its variables."""

    def __init__(self, url: str, options: Options, namespace: str) -> None:
        self.used: set[str] = set()
        where = {"FLOWWORKER_NAMESPACE": namespace}
        self.by_option = Commands(url, **where)
        self.by_variable = Commands(url, **where, **variables(options))
        self.ways = [(self.by_option, flags(options)), (self.by_variable, [])]

    def __call__(self, *command: str) -> list[str]:
        self.used.add(named(command))
        return [how(*command, *extra) for how, extra in self.ways]


def named(command: tuple[str, ...]) -> str:
    return " ".join(command[: 2 if isinstance(commands()[command[0]], click.Group) else 1])


def commands() -> dict[str, click.Command]:
    context = click.Context(cli)
    found = {name: cli.get_command(context, name) for name in cli.list_commands(context)}
    return {name: command for name, command in found.items() if command is not None}


def connecting() -> set[str]:
    """All commands that connect to a server."""
    found: dict[str, click.Command] = {}
    for name, command in commands().items():
        inner = command.commands if isinstance(command, click.Group) else {}
        found |= {f"{name} {each}": one for each, one in inner.items()} or {name: command}
    return {name for name, one in found.items() if any(each.name == "url" for each in one.params)}


def scheduled(how: Commands, *extra: str) -> None:
    """One schedule, from its creation to its end."""
    how("schedule", "create", "ways", "sum", "--every", "1d", "--input", '{"n": 5}', *extra)
    span = ("--from", "2026-01-01T00:00:00Z", "--to", "2026-01-02T00:00:00Z")
    for what in SCHEDULING[1:]:
        about = () if what == "list" else ("ways",)
        assert "ways" in how(
            "schedule", what, *about, *(span if what == "backfill" else ()), *extra
        )


def limited(how: Commands, *extra: str) -> None:
    """One limit, from its first setting to its end."""
    assert "of 3 held" in how("limits", "set", "ways", "--concurrency", "3", *extra)
    for what in LIMITING[1:]:
        about = () if what == "list" else ("ways",)
        assert "ways" in how("limits", what, *about, *extra)


@pytest.mark.parametrize("kind", ["password", "nkey", "token", "creds"])
def test_every_command_gets_in(ways, kind, tmp_path):
    server, options = ways.right[kind]
    url, namespace, other = ways.url[server], f"ways-{kind}", f"other-{kind}"
    both = Both(url, options, namespace)
    tokens = tmp_path / "tokens"
    tokens.write_text(TOKENS)
    # Given a fleet of which one process gets in by its options and the other by its variables
    both("setup")
    (ways.folder / "waiting.yaml").write_text(WAITING)
    both("register", str(WORKFLOWS), str(ways.folder / "waiting.yaml"))
    turned = kind in {"nkey", "creds"}
    (one, its), (two, others) = reversed(both.ways) if turned else both.ways
    with one.running("coordinator", *its), two.running("worker", "--app", APP, *others):
        both.used |= {"coordinator", "worker"}
        # When every other command is run in both ways, then it does what it is for
        runs = [json.loads(text) for text in both("start", "sum", "--input", '{"n": 5}', "--wait")]
        assert [run["status"] for run in runs] == ["COMPLETED"] * 2
        for run in runs:
            for name in ("status", "history", "watch"):
                assert all("completed" in text.lower() for text in both(name, run["id"]))
            assert all(run["id"] in text for text in both("list"))
        for how, extra in both.ways:
            for workflow, before, act, state in ANSWERS:
                asked = how("start", workflow, *extra).strip()
                until(both.by_variable, asked, before)
                how(act[0], asked, *act[1:], *extra)
                until(both.by_variable, asked, state)
                both.used.add(act[0])
        for how, extra in both.ways:
            scheduled(how, *extra)
            limited(how, *extra)
        both.used |= {f"schedule {what}" for what in SCHEDULING}
        both.used |= {f"limits {what}" for what in LIMITING}
        both("workers")
        both("coordinators")
        both("pauses")
        both("why", runs[0]["id"])
        both("doctor")
        both("upgrade", "--check")
        for how, extra in both.ways:
            with served(how, "--tokens", str(tokens), *extra) as (api, _):
                assert api("GET", f"/runs/{runs[0]['id']}").status == 200
        both.used.add("ui")
    assert all(namespace in text for text in both("namespace", "list"))
    for how, extra in both.ways:
        how("setup", "--namespace", other, *extra)
        folder = str(ways.folder / f"{kind}-{len(extra)}")
        how("namespace", "backup", other, folder, *extra)
        how("namespace", "delete", other, "--yes", *extra)
        how("namespace", "restore", folder, *extra)
        how("namespace", "delete", other, "--yes", *extra)
    both.used |= {f"namespace {what}" for what in ("backup", "restore", "delete")}
    assert both.used == connecting()


def wrong(ways: Ways) -> dict[str, tuple[str, Options, int, str]]:
    """Server, options, exit code, and what the one line has to say."""
    junk, seed, folder = ways.folder / "junk", ways.folder / "other.seed", ways.folder
    junk.write_text("junk")
    seed.write_bytes(Key(nkeys.PREFIX_BYTE_USER).seed)
    foreign, its_key = ways.others.issue("foreign")
    right = {kind: options for kind, (_, options) in ways.right.items()}
    ca = {"tls_ca": ways.ours.path}
    old = ways.operator.credentials(folder / "old.creds", exp=1_000_000_000)
    strange = Operator().credentials(folder / "strange.creds")
    me = {"user": "me", "password": "right"}
    pair = {"tls_cert": foreign, "tls_key": its_key}
    return {
        "password": ("mutual", right["password"] | {"password": "wrong"}, 4, "are user and passw"),
        "no user": ("mutual", {**ca, **{n: right["nkey"][n] for n in pair}}, 4, "give --creds, --"),
        "nkey": ("mutual", right["nkey"] | {"nkey": str(seed)}, 4, "does it know the NKey of"),
        "no nkey": (
            "mutual",
            right["nkey"] | {"nkey": str(junk)},
            2,
            "junk: expected an NKey seed",
        ),
        "certificate": ("mutual", {**ca, **me, **pair}, 4, "does it want a client's certificate"),
        "no certificate": ("mutual", {**ca, **me}, 4, "does it want a client's certificate"),
        "key": ("mutual", right["nkey"] | {"tls_key": its_key}, 2, "client.pem"),
        "authority": ("one-way", {"tls_ca": ways.others.path}, 4, "did the CA of --tls-ca sign"),
        "no authority": ("one-way", {"token": "right"}, 4, "did the CA of --tls-ca sign"),
        "host": ("one-way", {**ca, "tls_hostname": "elsewhere"}, 4, "not valid for 'elsewhere'"),
        "no certificates": ("one-way", {"tls_ca": str(junk)}, 2, f"tls_ca: {junk}: "),
        "file": ("one-way", {"tls_ca": str(folder / "none")}, 2, "none' does not exist"),
        "token": ("one-way", {**ca, "token": "wrong"}, 4, "is the token right?"),
        "expired": ("operator", {"creds": old}, 4, "old.creds expired at 2001-09-09 01:46 UTC"),
        "account": ("operator", {"creds": strange}, 4, "does it know the account and user of"),
        "no creds": ("operator", {"creds": str(junk)}, 2, "expected a user's JWT and NKey seed"),
        "no TLS": ("open", ca, 4, "TLS was asked for, but the server does not require it"),
    }


def test_what_is_wrong_is_one_line_that_says_what(ways):
    for what, (server, options, code, said) in wrong(ways).items():
        command = Commands(ways.url[server])
        assert said in command.error("list", *flags(options), code=code), what
        assert said in command.error("doctor", *flags(options), code=code), what


def test_a_process_does_not_wait_for_a_server_that_refuses_it(ways, monkeypatch):
    monkeypatch.setattr("flowworker.cli.fleet.STARTUP_WAIT", 3600.0)  # longer than any test may be
    for what in ("token", "authority"):
        server, options, code, said = wrong(ways)[what]
        for command in (("coordinator",), ("worker", "--app", APP)):
            url = ("--nats-url", ways.url[server])
            result = CliRunner().invoke(cli, [*command, *url, *flags(options)])
            assert result.exit_code == code
            [line] = result.stderr.splitlines()
            assert said in json.loads(line)["event"]
