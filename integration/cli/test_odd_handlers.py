"""Whatever handlers do, their worker goes on, and ends when it is asked to."""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest

from integration.cli.commands import Commands, ended, url_of
from integration.cli.odd_handlers import app
from tests.support.waiting import blocking_eventually

DEV = ("dev", "--app", "integration.cli.odd_handlers:app", "--port", "0")
DRAIN = "0.5"


@pytest.fixture(scope="module")
def workflows(tmp_path_factory) -> str:
    """One workflow for each handler, under its name."""
    path = tmp_path_factory.mktemp("odd") / "workflows.yaml"
    path.write_text(
        "---\n".join(f"name: {name}\nsteps: [{{id: s, uses: {name}}}]\n" for name in app.handlers)
    )
    return str(path)


def outcome(dev: Commands, workflow: str) -> tuple[str, Any]:
    result = json.loads(dev("start", workflow, "--wait", code=0))
    return result["status"], result["output"]


def test_what_a_handler_forks_or_raises_stays_its_own(workflows):
    with Commands("", FLOWWORKER_DRAIN=DRAIN).running(*DEV, "--workflows", workflows) as process:
        dev = Commands(url_of(process))

        for _ in range(3):
            assert outcome(dev, "pool") == ("COMPLETED", {"s": sum(n * n for n in range(50))})
            assert outcome(dev, "terminate") == ("COMPLETED", {"s": -signal.SIGTERM})
        for name, code in {
            "child_returns": 0,
            "child_exits": 3,
            "child_returns_to_the_loop": 0,
            "child_awaits": 1,
        }.items():
            assert outcome(dev, name) == ("COMPLETED", {"s": {"child": code}})
        assert outcome(dev, "stop_loop") == ("COMPLETED", {"s": "still here"})
        assert "failed: StopIteration" in dev("start", "stop_iteration", "--wait", code=1)
        for name in ("keyboard", "keyboard_in_task"):
            result = json.loads(dev("start", name, "--wait", code=1))
            assert "KeyboardInterrupt" in result["error"], result

        assert process.poll() is None
        stderr = ended(process)
    assert process.returncode == 0
    assert "Traceback" not in stderr.split("draining")[1]


@pytest.mark.parametrize("name", ["to_thread", "swallow", "block"])
def test_a_worker_ends_though_its_handler_does_not(workflows, name, tmp_path):
    marker = tmp_path / "begun"
    with Commands("", FLOWWORKER_DRAIN=DRAIN).running(*DEV, "--workflows", workflows) as process:
        dev = Commands(url_of(process))
        dev("start", name, "--input", json.dumps({"marker": str(marker)}))
        blocking_eventually(marker.exists)

        stderr = ended(process, signal.SIGTERM)
    assert process.returncode == 0
    assert "left" in stderr
