"""Without NATS the API says so, and it comes back by itself."""

from __future__ import annotations

from bench.ports import free_port
from flowworker import wiring
from flowworker.embedded import EmbeddedServer
from integration.cli.commands import Commands
from integration.web.api import Api
from integration.web.conftest import address_of
from tests.support.waiting import blocking_eventually


async def create_namespace(url):
    async with wiring.connect(url, create=True):
        pass


async def test_it_comes_back_by_itself(tokens, tmp_path):
    port = free_port()
    url = f"nats://127.0.0.1:{port}"
    commands = Commands(url)
    with commands.running("ui", "--port", "0", "--tokens", str(tokens)) as process:
        api = Api(*address_of(process))

        def status(path="/workflows"):
            return api("GET", path).status

        answer = api("GET", "/runs")
        assert answer.status == 503
        assert int(answer.headers["retry-after"]) > 0
        assert answer.json["type"] == "urn:flowworker:ServerUnavailable"
        assert api.get("/session")["name"] == "oscar"

        for _ in range(2):
            with EmbeddedServer(port=port, store=tmp_path):
                await create_namespace(url)
                blocking_eventually(lambda: status() == 200)
            blocking_eventually(lambda: status() == 503)
            assert status("/events") == 503
            assert status("/doctor") == 503
