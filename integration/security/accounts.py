"""A server with the accounts of `deploy/nats`, and everybody who has a user there."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import nats
from nats.aio.client import Client

from flowworker.embedded import EmbeddedServer
from integration.cli.commands import ROOT, Commands

DEPLOY = ROOT / "deploy" / "nats"
SECRET = "s3cret"
ADDING = 3
"""Commands that add a queue."""
ROLES = (
    *("monitor", "viewer", "starter", "operator", "registrar", "dashboard"),
    *("worker-default", "worker-gpu"),
)
"""Those who have an account of their own, with two queues."""
VARIABLES = {
    f"FLOWWORKER_{role.replace('-', '_').upper()}_PASSWORD": SECRET
    for role in (*ROLES, "coordinator", "administrator")
}


def laid_out(folder: Path) -> str:
    """Copy the files, with a second queue as the first one's file says; the configuration."""
    ours = shutil.copytree(DEPLOY / "accounts", folder / "accounts")
    text = (ours / "queue-default.conf").read_text("utf-8")
    commands = [
        line.removeprefix("#").strip() for line in text.splitlines() if line.startswith("#     ")
    ]
    assert len(commands) == ADDING
    for command in commands:
        subprocess.run(command, shell=True, check=True, cwd=ours)
    return 'include "accounts/accounts.conf"'


def guarded_server(folder: Path) -> EmbeddedServer:
    """A server with these files in its folder. Passwords come from its environment."""
    os.environ.update(VARIABLES)
    return EmbeddedServer(store=folder, config=laid_out(folder))


def as_role(server: EmbeddedServer, role: str, **more: str) -> Commands:
    """Commands of a user, with nothing but its credentials and its inbox."""
    return Commands(
        server.url,
        FLOWWORKER_USER=role,
        FLOWWORKER_PASSWORD=SECRET,
        FLOWWORKER_INBOX_PREFIX=f"_INBOX.{role}",
        **more,
    )


async def connected(server: EmbeddedServer, role: str) -> Client:
    """A bare NATS client, which goes on, whatever the server says to it."""

    async def ignore(_: Exception) -> None: ...

    address = urlsplit(server.url).netloc
    options: dict[str, Any] = {"inbox_prefix": f"_INBOX.{role}", "error_cb": ignore}
    return await nats.connect(f"nats://{role}:{SECRET}@{address}", **options)
