"""A guarded server with a namespace in it, and everybody connected to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from nats.aio.client import Client

from flowworker.embedded import EmbeddedServer
from integration.cli.commands import Commands
from integration.security.accounts import ROLES, as_role, connected, guarded_server
from integration.security.seeds import NAMESPACE, OTHER, sow

QUEUES = ("--queue", "default", "--queue", "gpu")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """A server with the accounts that we ship, and the streams of two namespaces."""
    with guarded_server(tmp_path_factory.mktemp("nats")) as running:
        for namespace in (NAMESPACE, OTHER):
            as_role(running, "administrator")("setup", "--namespace", namespace)
        yield running


@dataclass(frozen=True)
class House:
    """The administrator, everybody else, and how to acknowledge messages that are on their way."""

    admin: Client
    users: dict[str, Client]
    acks: dict[str, str]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(guarded: EmbeddedServer) -> AsyncIterator[House]:
    admin = await connected(guarded, "administrator")
    users = {role: await connected(guarded, role) for role in ROLES}
    yield House(admin, users, await sow(admin))
    for client in (admin, *users.values()):
        await client.close()


@pytest.fixture
def plain(tmp_path) -> Iterator[EmbeddedServer]:
    """A server on which everybody may do everything, with the same streams."""
    with EmbeddedServer(store=tmp_path) as running:
        for namespace in (NAMESPACE, OTHER):
            Commands(running.url)("setup", "--namespace", namespace)
        yield running
