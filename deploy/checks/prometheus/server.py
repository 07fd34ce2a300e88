"""A Prometheus with the configuration of deploy/, asked by its API."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import yaml

from bench.ports import free_port
from tests.deploy.promql import DEPLOY
from tests.support.waiting import blocking_eventually

CONFIGURATION = DEPLOY / "prometheus" / "prometheus.yml"


class Prometheus:
    """It scrapes and evaluates every second, and finds its targets where it is told to."""

    def __init__(self, program: Path, folder: Path, targets: dict[str, list[str]]) -> None:
        self._url = f"http://127.0.0.1:{free_port()}"
        self._folder = folder
        configuration = folder / "prometheus.yml"
        configuration.write_text(yaml.safe_dump(_told(targets)))
        self._command = [
            str(program),
            f"--config.file={configuration}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={self._url.removeprefix('http://')}",
        ]

    def __enter__(self) -> Prometheus:
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        blocking_eventually(self._is_ready)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()

    def ask(self, path: str, **query: str) -> Any:
        """What the API says."""
        with urlopen(f"{self._url}/api/v1/{path}?{urlencode(query)}", timeout=10) as answer:
            told = json.load(answer)
        assert told["status"] == "success", told
        return told["data"]

    def values(self, expression: str) -> dict[str, float]:
        """The values of an expression at this moment, by the labels of the series."""
        result = self.ask("query", query=expression)["result"]
        return {
            ",".join(f"{name}={value}" for name, value in sorted(one["metric"].items())): float(
                one["value"][1]
            )
            for one in result
        }

    def value(self, expression: str) -> float | None:
        """The only value of an expression; None if it has none."""
        found = list(self.values(expression).values())
        assert len(found) <= 1, found
        return found[0] if found else None

    def alerts(self) -> set[str]:
        """Those whose condition holds at this moment, whether for long enough or not."""
        return {one["labels"]["alertname"] for one in self.ask("alerts")["alerts"]}

    def _is_ready(self) -> bool:
        assert self._process.poll() is None, (self._folder / "log").read_text()
        try:
            with urlopen(f"{self._url}/-/ready", timeout=10) as answer:
                return bool(answer.status == 200)
        except URLError:
            return False


def _told(targets: dict[str, list[str]]) -> dict[str, Any]:
    configuration = yaml.safe_load(CONFIGURATION.read_text("utf-8"))
    configuration["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    configuration["rule_files"] = [
        str(CONFIGURATION.parent / pattern) for pattern in configuration["rule_files"]
    ]
    for job in configuration["scrape_configs"]:
        del job["dns_sd_configs"]
        job["static_configs"] = [{"targets": targets[job["job_name"]]}]
    return configuration
