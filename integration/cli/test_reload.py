"""`dev --reload`: what is saved is what runs, and a mistake costs nothing but the saving again."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.cli.commands import Commands, ended, until, url_of
from tests.support.waiting import blocking_eventually

LOADED = "loaded: steps that begin from now on"

SHOP = """
import asyncio

from flowworker import App

app = App()


@app.step("price")
def price(ctx):
    return {{"price": {price}}}


@app.step("wait")
async def wait(ctx):
    await asyncio.sleep(2)
    return {{"price": {price}}}
"""

WORKFLOW = """
name: {name}
steps:
  - id: only
    uses: {uses}
"""


class Shop:
    """A user's folder."""

    def __init__(self, folder: Path) -> None:
        self.code = folder / "reload_shop.py"
        self.workflows = folder / "workflows"
        self.workflows.mkdir()
        self.sell(1)
        self.define("sale", "price")
        self.define("slow", "wait")

    def sell(self, price: int) -> None:
        self.code.write_text(SHOP.format(price=price))

    def define(self, name: str, uses: str) -> None:
        (self.workflows / f"{name}.yaml").write_text(WORKFLOW.format(name=name, uses=uses))


class Dev:
    """A `dev --reload` that runs in such a folder."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.commands = Commands(url_of(process))

    def reported(self, text: str) -> str:
        """The next line on stderr with that."""
        assert self.process.stderr is not None
        return next(line for line in self.process.stderr if text in line)

    def ready(self) -> None:
        """Wait until definitions are registered."""
        assert self.process.stdout is not None
        assert any("Ctrl-C drains" in line for line in self.process.stdout)

    def price(self, workflow: str = "sale") -> int:
        return json.loads(self.commands("start", workflow, "--wait"))["output"]["only"]["price"]

    def until_price(self, price: int, workflow: str = "sale") -> None:
        """Start runs until the new version has got one: the old one may have taken a step yet."""
        blocking_eventually(lambda: self.price(workflow) == price)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


@pytest.fixture(params=["1", "2"])
def workers(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def dev(shop: Shop, workers: str) -> Iterator[Dev]:
    arguments = ["--app", "reload_shop", "--workflows", str(shop.workflows)]
    commands = Commands("", PYTHONPATH=str(shop.code.parent))
    with commands.running(
        "dev", *arguments, "--port", "0", "--reload", "--workers", workers
    ) as process:
        yield Dev(process)


def test_a_changed_handler_runs_and_a_mistake_is_reported(shop, dev):
    dev.ready()
    assert dev.price() == 1

    shop.sell(2)
    assert "reload_shop.py changed" in dev.reported("changed")
    dev.reported(LOADED)
    dev.until_price(2)

    shop.code.write_text("def mistake(:\n")
    error = dev.reported("error: ")
    assert "SyntaxError" in error
    assert f"({shop.code}, line 1)" in error
    dev.reported("waiting for a change; the version before goes on")
    assert dev.price() == 2

    shop.sell(3)
    dev.reported(LOADED)
    dev.until_price(3)

    stderr = ended(dev.process)
    assert dev.process.returncode == 0
    assert "Traceback" not in stderr


@pytest.mark.parametrize("workers", ["1"], indirect=True)
def test_definitions_are_loaded_anew_and_what_runs_is_finished(shop, dev):
    dev.ready()
    dev.commands("start", "slow", "--id", "active-one")
    until(dev.commands, "active-one", "RUNNING")
    with dev.commands.running("watch", "active-one", "--json") as watch:
        assert watch.stdout is not None
        assert any("workflow.step.started" in line for line in watch.stdout)

    shop.define("sale", "nobody.has.this")
    assert "nobody.has.this" in dev.reported("error: ")
    dev.reported("waiting for a change")
    shop.sell(2)
    shop.define("sale", "price")
    shop.define("more", "price")
    dev.reported(LOADED)

    dev.until_price(2, "more")
    result = json.loads(dev.commands("start", "slow", "--id", "active-one", "--wait"))
    assert result["output"] == {"only": {"price": 1}}
    ended(dev.process)
    assert dev.process.returncode == 0


@pytest.mark.parametrize("workers", ["1"], indirect=True)
def test_a_lifespan_that_fails_is_reported_and_the_next_version_works(shop, dev):
    dev.ready()
    shop.code.write_text(
        "import contextlib\nfrom flowworker import App\n@contextlib.asynccontextmanager\n"
        "async def life():\n    raise OSError('no database')\n    yield\n"
        "app = App(lifespan=life)\n@app.step('price')\ndef price(ctx): ...\n"
        "@app.step('wait')\ndef wait(ctx): ...\n"
    )
    assert "no database" in dev.reported("error: ")
    dev.reported("waiting for a change")

    shop.sell(2)
    dev.reported(LOADED)

    dev.until_price(2)
    ended(dev.process)
    assert dev.process.returncode == 0


def test_a_first_version_that_cannot_be_loaded_is_waited_for(shop):
    shop.code.write_text("import nothing_of_this_name\n")
    arguments = ["--app", "reload_shop", "--workflows", str(shop.workflows), "--port", "0"]
    commands = Commands("", PYTHONPATH=str(shop.code.parent))
    with commands.running("dev", *arguments, "--reload") as process:
        dev = Dev(process)
        assert "nothing_of_this_name" in dev.reported("error: ")
        dev.reported("waiting for a change")

        shop.sell(1)
        # The code is outside of the current directory, and was never loaded: another file changes.
        shop.define("more", "price")
        dev.ready()
        assert dev.price() == 1
        ended(process)
    assert process.returncode == 0
