"""The containers of a release, as plain processes on a real server: a fleet that does its work."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from contextlib import ExitStack
from functools import partial
from urllib.error import URLError

import pytest

from bench.ports import free_port
from deploy.checks.kubernetes.chart import ROOT, container, pod, render
from flowworker.embedded import EmbeddedServer
from integration.web.api import TOKENS, Api
from tests.support.waiting import blocking_eventually

VALUES = {
    "queues": {"default": {"app": "examples.hello.handlers:app"}},
    "coordinator": {"replicas": 1},
    "register": {"paths": ["examples/hello"]},
    "ui": {"enabled": True, "tokens": {"secret": "tokens"}},
}


class Release:
    """Containers of a rendered release, started where they are asked for."""

    def __init__(self, url, stack, tokens):
        self.rendered = render(VALUES)
        self.ui = self.rendered.one("Deployment", "shop-flowworker-ui")
        self.ui_port = free_port()
        self._tokens = tokens
        self._url, self._stack = url, stack

    def start(self, workload):
        """Start a container that serves; returns the process and the URLs that are probed."""
        port = free_port()
        told = self._environment(workload) | {"FLOWWORKER_HTTP_PORT": str(port)}
        if workload is self.ui:
            told |= {"FLOWWORKER_UI_PORT": str(self.ui_port), "FLOWWORKER_UI_TOKENS": self._tokens}
        process = subprocess.Popen(self._command(container(workload)["args"]), env=told, cwd=ROOT)
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        probes = [container(workload)[f"{kind}Probe"] for kind in ("readiness", "liveness")]
        return process, [f"http://127.0.0.1:{port}{probe['httpGet']['path']}" for probe in probes]

    def run(self, workload, *arguments):
        """Run a Job's container, or another command in its place, to its end; what it wrote."""
        return subprocess.run(
            self._command(arguments or container(workload)["args"]),
            env=self._environment(workload),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout

    def _command(self, arguments):
        return [sys.executable, "-m", "flowworker", *arguments]

    def _environment(self, workload):
        told = self.rendered.environment(workload) | {"FLOWWORKER_NATS_URL": self._url}
        return {name: os.environ[name] for name in ("PATH", "HOME")} | told


@pytest.fixture
def release(tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text(TOKENS)
    with ExitStack() as stack:
        server = stack.enter_context(EmbeddedServer())
        yield Release(server.url, stack, str(tokens))


def are_content(probes):
    """Whether the kubelet would be content with the answers."""
    try:
        for url in probes:
            with urllib.request.urlopen(url, timeout=5) as answer:
                assert answer.status == 200
    except URLError:
        return False
    return True


def test_a_release_runs_a_workflow_and_ends_in_its_time(release):
    rendered = release.rendered
    release.run(rendered.setup)
    release.run(rendered.registering)
    started = [
        (workload, *release.start(workload))
        for workload in (rendered.coordinator, rendered.worker(), release.ui)
    ]
    for _, _, urls in started:
        blocking_eventually(partial(are_content, urls), "a probe")

    start = ("start", "hello", "--input", '{"who": "Ada"}', "--wait")
    result = json.loads(release.run(rendered.setup, *start))
    assert result["status"] == "COMPLETED"
    shown = Api("127.0.0.1", release.ui_port).get("/runs")["runs"]
    assert [run["id"] for run in shown] == [result["id"]]
    for workload, process, _ in started:
        process.send_signal(signal.SIGTERM)
        assert process.wait(pod(workload)["terminationGracePeriodSeconds"]) == 0
