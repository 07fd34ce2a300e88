"""An OpenTelemetry Collector as a process: it takes spans by OTLP, and sends them on to a peer."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import yaml

from bench.ports import free_port
from tests.support.waiting import blocking_eventually

OTELCOL = os.environ.get("OTELCOL", "otelcol")
"""Its program, which `make deploy-check` builds."""


class CollectorServer:
    """It sends on at once what it gets.

    Attributes:
        endpoint: where it is, as `OTEL_EXPORTER_OTLP_ENDPOINT` has it.
    """

    def __init__(self, folder: Path, onwards: str) -> None:
        """With its files in `folder`; `onwards` is the endpoint of the peer."""
        address = f"127.0.0.1:{free_port()}"
        self.endpoint = f"http://{address}"
        self._log = folder / "otelcol.log"
        self._file = folder / "otelcol.yaml"
        self._file.write_text(yaml.safe_dump(_configuration(address, onwards)))

    def __enter__(self) -> CollectorServer:
        with self._log.open("wb") as log:
            command = [OTELCOL, "--config", str(self._file)]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        blocking_eventually(self._listens)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()

    def _listens(self) -> bool:
        assert self._process.poll() is None, self._log.read_text()
        host, port = self.endpoint.removeprefix("http://").split(":")
        try:
            socket.create_connection((host, int(port))).close()
        except OSError:
            return False
        return True


def _configuration(address: str, onwards: str) -> dict[str, object]:
    return {
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": address}}}},
        "exporters": {"otlp_http": {"endpoint": onwards, "sending_queue": {"enabled": False}}},
        "service": {
            "telemetry": {"metrics": {"level": "none"}},
            "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["otlp_http"]}},
        },
    }
