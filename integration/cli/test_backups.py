"""What a backup is refused for, and what is refused as a backup: one line, and nothing changed."""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import nats
import pytest

from flowworker.embedded import EmbeddedServer
from flowworker.errors import Unavailable
from flowworker.jetstream.backups import restore
from flowworker.jetstream.client.connection import connect
from flowworker.jetstream.client.options import ConnectionOptions
from flowworker.jetstream.manifest import manifest_of
from integration.cli.commands import WORKFLOWS, Commands


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer() as running:
        yield running


@pytest.fixture
def shop(server: EmbeddedServer) -> Commands:
    """Commands to a server with one namespace, which has two runs."""
    commands = Commands(server.url, FLOWWORKER_NAMESPACE="shop")
    for name in commands("namespace", "list").split():
        commands("namespace", "delete", name, "--yes")
    commands("setup")
    commands("register", str(WORKFLOWS))
    for run in ("r-1", "r-2"):
        commands("start", "sum", "--id", run)
    return commands


@pytest.fixture
def backup(shop: Commands, tmp_path: Path) -> Path:
    folder = tmp_path / "backup"
    shop("namespace", "backup", "shop", str(folder))
    return folder


def test_it_says_what_it_took_and_what_it_made(shop, tmp_path):
    folder = str(tmp_path / "new" / "backup")

    took = shop("namespace", "backup", "shop", folder).splitlines()
    shop("namespace", "delete", "shop", "--yes")
    made = shop("namespace", "restore", folder).splitlines()

    assert took[0] == "took stream SHOP_COMMANDS, 2 messages"
    assert len(took) == 8
    assert took[-1].startswith(f"backed namespace shop up to {folder}: ")
    assert made[0] == "made stream SHOP_COMMANDS, 2 messages"
    assert made[-1] == "restored namespace shop; runs: none"  # nobody has taken the starts
    assert shop("setup", "--dry-run") == "namespace shop is as this release makes it\n"


def test_what_is_not_there_is_not_backed_up(shop, tmp_path):
    line = shop.error("namespace", "backup", "shpo", str(tmp_path / "backup"), code=3)

    assert line.startswith("there is no namespace 'shpo' on this server; did you mean 'shop'?")
    assert not (tmp_path / "backup").exists()


def test_half_a_namespace_is_not_backed_up(shop, server, tmp_path):
    elsewhere(server, lambda jetstream: jetstream.delete_stream("SHOP_STEPS"))

    line = shop.error("namespace", "backup", "shop", str(tmp_path / "backup"), code=2)

    assert line.startswith("namespace 'shop' has no stream SHOP_STEPS: ")


def test_a_disk_without_room_is_named(shop, tmp_path, monkeypatch):
    monkeypatch.setattr("flowworker.jetstream.backups.CONTENT", "/dev/full")

    line = shop.error("namespace", "backup", "shop", str(tmp_path / "backup"), code=1)

    assert line == "/dev/full: No space left on device"
    assert not (tmp_path / "backup" / "namespace.json").exists()


def test_no_backup_is_made_over_another(shop, backup):
    line = shop.error("namespace", "backup", "shop", str(backup), code=2)

    assert line == f"{backup} exists: a backup is made in a folder that is new or empty"


def test_a_namespace_that_exists_is_not_overwritten(shop, backup):
    shop("start", "sum", "--id", "r-3")

    line = shop.error("namespace", "restore", str(backup), code=2)

    assert line.startswith("namespace 'shop' exists: there is a stream SHOP_COMMANDS; ")
    assert "SHOP_COMMANDS, 3 messages" in shop("namespace", "delete", "shop", "--yes")


def forget_manifest(backup: Path) -> str:
    (backup / "namespace.json").unlink()
    return f"{backup} is no backup of a namespace: namespace.json cannot be read"


def be_newer(backup: Path) -> str:
    manifest = json.loads((backup / "namespace.json").read_text())
    newer = {**manifest, "format": 2, "release": "9.0"}
    (backup / "namespace.json").write_text(json.dumps(newer))
    return f"{backup} is a backup of form 2, made by flowworker 9.0; this release reads form 1"


def damage(backup: Path) -> str:
    content = backup / "SHOP_EVENTS" / "stream.tar.s2"
    content.write_bytes(content.read_bytes()[:-1])
    return f"{content.parent} is not what was written when the backup was made"


def damage_configuration(backup: Path) -> str:
    meta = backup / "SHOP_EVENTS" / "backup.json"
    meta.write_bytes(meta.read_bytes()[:-1])
    return f"{meta.parent} is not what was written when the backup was made"


def rename(backup: Path) -> str:
    manifest = json.loads((backup / "namespace.json").read_text())
    (backup / "namespace.json").write_text(json.dumps({**manifest, "namespace": "other"}))
    return f"{backup / 'namespace.json'}: expected the streams OTHER_COMMANDS, "


def leave_out(backup: Path) -> str:
    manifest = json.loads((backup / "namespace.json").read_text())
    fewer = {**manifest, "streams": manifest["streams"][:-1]}
    (backup / "namespace.json").write_text(json.dumps(fewer))
    return f"{backup / 'namespace.json'}: expected the streams SHOP_COMMANDS, "


def lose(backup: Path) -> str:
    shutil.rmtree(backup / "KV_shop_runs")
    return f"{backup / 'KV_shop_runs' / 'stream.tar.s2'}: No such file or directory"


HARMS = (forget_manifest, be_newer, damage, damage_configuration, rename, leave_out, lose)


@pytest.mark.parametrize("harm", HARMS)
def test_what_is_no_backup_is_not_restored(shop, backup, harm):
    shop("namespace", "delete", "shop", "--yes")
    text = harm(backup)

    line = shop.error("namespace", "restore", str(backup), code=1 if harm is lose else 2)

    assert line.startswith(text)
    assert shop("namespace", "list") == ""


def test_what_was_made_is_removed_when_the_rest_fails(shop, backup, server):
    # Given somebody else's stream that has a part of the namespace's subjects
    shop("namespace", "delete", "shop", "--yes")
    elsewhere(server, lambda jetstream: jetstream.add_stream(name="a", subjects=["shop.event.>"]))

    line = shop.error("namespace", "restore", str(backup), code=4)

    assert line.startswith("STREAM.RESTORE.SHOP_EVENTS: ")
    assert "subjects overlap with an existing stream" in line
    elsewhere(server, lambda jetstream: jetstream.delete_stream("a"))
    assert shop("namespace", "list") == ""
    shop("namespace", "restore", str(backup))


@pytest.fixture
def busy_disk(server: EmbeddedServer) -> Iterator[Path]:
    """While it is there, the server cannot move a stream's files away to remove them."""
    [streams] = server.store.glob("jetstream/*/streams")
    folder = streams / ".SHOP_COMMANDS"
    folder.mkdir()
    (folder / "file").touch()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_a_stream_of_which_the_server_still_has_files_is_restored_once_they_are_gone(
    shop, backup, busy_disk
):
    shop("namespace", "delete", "shop", "--yes")
    free = threading.Timer(0.5, shutil.rmtree, (busy_disk,))
    free.start()

    made = shop("namespace", "restore", str(backup)).splitlines()

    free.join()
    assert made[0] == "made stream SHOP_COMMANDS, 2 messages"
    assert shop("setup", "--dry-run") == "namespace shop is as this release makes it\n"


def test_nothing_is_left_of_a_stream_that_cannot_be_restored(shop, backup, busy_disk, monkeypatch):
    monkeypatch.setattr("flowworker.jetstream.backups._PAUSES", ())
    shop("namespace", "delete", "shop", "--yes")

    line = shop.error("namespace", "restore", str(backup), code=4)

    assert line.startswith("STREAM.RESTORE.SHOP_COMMANDS: restore failed: ")
    assert shop("namespace", "list") == ""


def test_what_was_made_and_could_not_be_removed_is_said(backup):
    async def restored(onto: EmbeddedServer) -> None:
        connection = await connect(ConnectionOptions(url=onto.url))
        try:
            await restore(connection, manifest_of(backup), backup, None, lambda _: onto.kill())
        finally:
            await connection.close()

    with (
        EmbeddedServer() as onto,
        pytest.raises(Unavailable, match="not be removed: `flowworker namespace delete shop`"),
    ):
        asyncio.run(restored(onto))


def test_copies_that_a_server_cannot_make_are_refused(shop, backup, server):
    shop("namespace", "delete", "shop", "--yes")
    three = Commands(server.url, FLOWWORKER_REPLICAS="3")

    assert "replicas > 1" in three.error("namespace", "restore", str(backup), code=4)


def elsewhere(server, act) -> None:
    """What somebody does to JetStream with other tools."""

    async def run() -> None:
        client = await nats.connect(server.url)
        await act(client.jetstream())
        await client.close()

    asyncio.run(run())
