"""One table of options: each reaches NATS by every way in, under one name."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

import pytest
from click.testing import CliRunner

from flowworker import ConnectionOptions, NATSBus, NATSLocker, NATSStore, TopologyOptions, connect
from flowworker.cli import cli
from flowworker.errors import InvalidInput
from flowworker.jetstream.client.options import redacted, without_secrets
from flowworker.settings import CONNECTION, NAMESPACE, Settings
from flowworker.wiring import options_from

WARES = """
from flowworker import App
app = App()
class codec:
    seal = open = None
    def fingerprints(self):
        return {}
"""


class Reached(Exception):
    """NATS would be connected to now."""


@pytest.fixture
def reached(monkeypatch, tmp_path):
    """What the adapter was given, once it was."""
    found: dict[str, Any] = {}

    async def open_backend(options, namespace, **more):
        found.update(more, options=options, namespace=namespace)
        raise Reached

    async def connect_alone(options):
        found.update(options=options)
        raise Reached

    monkeypatch.setattr("flowworker.jetstream.open_backend", open_backend)
    # The importing module first, or its own `connect` would be the replaced one for ever
    monkeypatch.setattr("flowworker.jetstream.doctor.connect", connect_alone)
    monkeypatch.setattr("flowworker.jetstream.client.connection.connect", connect_alone)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", list(sys.path))
    (tmp_path / "file").write_text("")
    (tmp_path / "wares.py").write_text(WARES)
    for name in [name for name in os.environ if name.startswith("FLOWWORKER_")]:
        monkeypatch.delenv(name)
    return found


def flag(variable):
    return f"--{variable.removeprefix('FLOWWORKER_').replace('_', '-').lower()}"


class ByPython:
    """Used as a library."""

    def __init__(self, way):
        self.name = way.__name__
        self._way = way

    def __call__(self, **options):
        async def enter():
            async with self._way(**options):
                pass

        with pytest.raises(Reached):
            asyncio.run(enter())


class ByCommand:
    """Used as a command."""

    def __init__(self, *arguments):
        self.name = arguments[0]
        self._arguments = arguments

    def __call__(self, **options):
        variables = {**CONNECTION, "namespace": NAMESPACE}
        given = [text for name, value in options.items() for text in (flag(variables[name]), value)]
        CliRunner().invoke(cli, [*self._arguments, *given])


COMMANDS = [
    ByCommand("list"),
    ByCommand("start", "sum"),
    ByCommand("coordinator"),
    ByCommand("worker", "--app", "wares"),
]
LOOKING = [ByCommand("setup"), ByCommand("doctor"), ByCommand("namespace", "list")]
LIBRARY = [ByPython(connect), ByPython(NATSStore), ByPython(NATSLocker), ByPython(NATSBus)]

every_way = pytest.mark.parametrize("way", [*LIBRARY, *COMMANDS, *LOOKING], ids=lambda w: w.name)
every_way_to_all = pytest.mark.parametrize("way", [*LIBRARY, *COMMANDS], ids=lambda w: w.name)

VALUES = {
    **dict.fromkeys(("creds", "nkey", "tls_ca", "tls_cert", "tls_key"), "file"),
    "url": "nats://there:1234",
}


def value_of(option):
    return VALUES.get(option, f"my-{option}")


@every_way
@pytest.mark.parametrize("option", CONNECTION)
def test_a_connection_option_reaches_nats_by_variable_and_by_name(
    reached, monkeypatch, way, option
):
    value = value_of(option)
    beside = {"tls_cert": "file"} if option == "tls_key" else {}

    way(**{option: value, **beside})
    assert getattr(reached.pop("options"), option) == value

    for name, text in {option: value, **beside}.items():
        monkeypatch.setenv(CONNECTION[name], text)
    way()
    assert getattr(reached.pop("options"), option) == value

    # What is given goes before, and what is empty is not given
    if option not in {"url", *VALUES}:
        way(**{option: "other"})
        assert getattr(reached.pop("options"), option) == "other"
    monkeypatch.setenv(CONNECTION[option], "")
    way()
    assert getattr(reached["options"], option) == getattr(ConnectionOptions(), option)


@every_way_to_all
def test_the_namespace_reaches_nats(reached, monkeypatch, way):
    way()
    assert reached["namespace"] == "flowworker"
    monkeypatch.setenv(NAMESPACE, "shop")
    way()
    assert reached["namespace"] == "shop"
    way(namespace="other")
    assert reached["namespace"] == "other"


TOPOLOGY: dict[str, Any] = {
    "replicas": 3,
    "storage": "file",
    "events_age": 60.0,
    "partitions": 4,
    "shards": 3,
    "durability": "machine",
}


@every_way_to_all
def test_how_streams_are_made_reaches_nats(reached, monkeypatch, way):
    for name, value in TOPOLOGY.items():
        monkeypatch.setenv(f"FLOWWORKER_{name.upper()}", str(value))

    way()

    assert set(TOPOLOGY) == set(TopologyOptions.__struct_fields__)
    assert reached["topology"] == TopologyOptions(**TOPOLOGY)


CHOSEN: dict[str, tuple[str, Any]] = {
    "reply_prefixes": ("replies.", ("replies.",)),
    "workflow_labels": ("false", False),
    "handler_labels": ("false", False),
    "payload_codec": ("wares:codec", "wares:codec"),
    "require_sealed": ("true", True),
    "redact": ("*password*, token", ("*password*", "token")),
}
"""What settings other than numbers are set to, as text and as a value."""


@every_way_to_all
def test_settings_reach_the_adapter(reached, monkeypatch, way):
    others = {"handler_grace", "payload_keys"}  # neither goes with all the others
    names = {*Settings.__struct_fields__} - others
    chosen = {name: CHOSEN.get(name, ("7", 7)) for name in names}
    for name, (text, _) in chosen.items():
        monkeypatch.setenv(f"FLOWWORKER_{name.upper()}", text)

    way()

    for name, (_, value) in chosen.items():
        assert getattr(reached["settings"], name) == value


@pytest.mark.parametrize("way", LIBRARY, ids=lambda way: way.name)
def test_options_go_with_a_struct_of_options(reached, way):
    way(url=ConnectionOptions(url="nats://there", user="me"), tls_ca="ca.pem", user="you")

    options = reached["options"]
    assert (options.url, options.user, options.tls_ca) == ("nats://there", "you", "ca.pem")


@pytest.mark.parametrize("url", [None, "nats://there", ConnectionOptions()])
@pytest.mark.parametrize("kind", [connect, NATSStore, NATSLocker, NATSBus])
async def test_an_unknown_option_is_refused(reached, kind, url):
    with pytest.raises(
        InvalidInput, match=r"unknown connection option 'tls_c'; did you mean 'tls_ca'"
    ):
        async with kind(url, tls_c="ca.pem"):
            pass
    with pytest.raises(InvalidInput, match="unknown connection option 'nonsense'; see"):
        async with kind(url, nonsense=1):
            pass
    assert reached == {}


@pytest.mark.parametrize(
    ("urls", "shown"),
    [
        ("nats://there:4222", "nats://there:4222"),
        ("nats://me:secret@there:4222", "nats://***@there:4222"),
        ("me:secret@there", "***@there"),
        ("secret@there", "***@there"),
        ("nats://me:se@cret@there", "nats://***@there"),
        ("nats://me:se/cret@there", "nats://***@there"),
        ("nats://me:secr,et@there", "***,***@there"),
        ("nats://a:1,tls://me:secret@b", "nats://a:1,tls://***@b"),
        ("a:1,b:2", "a:1,b:2"),
    ],
)
def test_a_password_does_not_show(urls, shown):
    assert redacted(urls) == shown
    assert "secret" not in repr(ConnectionOptions(url=urls, password="secret", token="secret"))


@pytest.mark.parametrize(
    "url", ["me:secret@", "ftp://me:secret@there", "nats://me:sec,ret@there:x"]
)
def test_a_password_does_not_show_in_what_is_refused(url):
    with pytest.raises(InvalidInput) as caught:
        options_from({}, url)

    assert "secret" not in str(caught.value)
    assert "sec" not in str(caught.value)


def test_others_do_not_tell_secrets_either():
    options = ConnectionOptions(url="me:secret@there,tok@here", password="pass", token="word")

    said = "cannot parse me:secret@there with secret, pass and word, nor tok"

    assert without_secrets(said, options) == (
        "cannot parse ***@there with ***, *** and ***, nor ***"
    )
