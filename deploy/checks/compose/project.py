"""A compose file, brought up as plain processes: what `docker compose up` does, without images.

Each replica of a service is a host of its own network. Its command, variables, volumes, health
check and dependencies are those of the file; its program is the one of its image that this machine
has. Images of which it has none are left out, and named.
"""

from __future__ import annotations

import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any, Self

import yaml

from deploy.checks.compose.hosts import Network, end, start
from tests.support.waiting import WAIT_LIMIT, blocking_eventually

COMPOSE = Path("deploy/compose")
BINARIES = Path(sys.executable).absolute().parent

PROGRAMS = {
    "flowworker": str(BINARIES / "flowworker"),
    "nats": str(BINARIES / "nats-server"),
    "prom/prometheus": "/usr/bin/prometheus",
}
"""What the images run."""

NOT_HERE = {"grafana/grafana"}
"""Images whose program no package brings."""

VARIABLE = re.compile(r"\$\{(\w+):?([-?])([^}]*)\}")


def passwords() -> dict[str, str]:
    """The file .env as `passwords` prints it."""
    printed = subprocess.run([COMPOSE / "passwords"], check=True, stdout=subprocess.PIPE, text=True)
    return dict(line.split("=", 1) for line in printed.stdout.splitlines())


def load(name: str, variables: dict[str, str]) -> dict[str, Any]:
    """A compose file with its variables filled in; one that has to be given must be."""

    def value(match: re.Match[str]) -> str:
        variable, kind, otherwise = match.groups()
        return variables[variable] if kind == "?" else variables.get(variable, otherwise)

    text = (COMPOSE / name).read_text("utf-8")
    loaded: dict[str, Any] = yaml.safe_load(VARIABLE.sub(value, text))
    return loaded


def image_of(service: dict[str, Any]) -> str:
    return str(service["image"]).partition(":")[0]


def variables_of_image() -> list[str]:
    """What deploy/Dockerfile sets for every process of ours."""
    text = Path("deploy/Dockerfile").read_text("utf-8")
    return re.findall(r"FLOWWORKER_\w+=[^\s\\]+", text)


class Project:
    """The processes of a compose file."""

    def __init__(self, name: str, folder: Path, network: Network) -> None:
        self.variables = passwords()
        self.services = load(name, self.variables)["services"]
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._folder, self._network = folder, network
        self._hosts: dict[str, str] = {}
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()

    def up(self) -> None:
        """Start everything, each service when what it depends on is as it has to be."""
        waiting = {
            name: service
            for name, service in self.services.items()
            if image_of(service) not in NOT_HERE and "profiles" not in service
        }
        while waiting:
            name = next(one for one in waiting if not set(self._conditions(one)) & set(waiting))
            for depended, condition in self._conditions(name).items():
                self._await(depended, condition)
            for number in range(waiting[name].get("deploy", {}).get("replicas", 1)):
                self._start(f"{name}.{number + 1}", name)
            del waiting[name]

    def replicas(self, service: str) -> list[str]:
        return [name for name in self.processes if name.partition(".")[0] == service]

    def is_healthy(self, replica: str) -> bool:
        """What the health check of its file, or of its image, says."""
        check = self.services[replica.partition(".")[0]].get("healthcheck", {})
        test = check.get("test", ["CMD", PROGRAMS["flowworker"], "health"])
        return self.run(replica, *test[1:])[0] == 0

    def run(self, replica: str, *command: str) -> tuple[int, str]:
        """Run a command where a replica is, as `docker compose exec` does."""
        log = self._folder / f"command-{self._count}.log"
        process = self._process(replica, command, log)
        return process.wait(WAIT_LIMIT), log.read_text("utf-8")

    def run_service(self, name: str, *command: str) -> tuple[int, str]:
        """Run a service to its end, as `docker compose run --rm` does."""
        if name not in self._hosts:
            self._hosts[name] = self._network.host("command")
        return self.run(name, PROGRAMS["flowworker"], *command)

    def end(self, replica: str) -> int:
        """Stop one as `docker compose stop` does; its exit code."""
        service = self.services[replica.partition(".")[0]]
        patience = float(service.get("stop_grace_period", "10s").removesuffix("s"))
        return end(self.processes[replica], patience)

    def logs(self) -> str:
        return "\n".join(
            f"--- {log.name}\n{log.read_text('utf-8')[-4000:]}"
            for log in sorted(self._folder.glob("*.log"))
            if not log.name.startswith("command")
        )

    def _conditions(self, name: str) -> dict[str, str]:
        depended = self.services[name].get("depends_on", {})
        return {one: depended[one]["condition"] for one in depended}

    def _await(self, service: str, condition: str) -> None:
        for replica in self.replicas(service):
            if condition == "service_healthy":
                blocking_eventually(partial(self.is_healthy, replica), f"{replica} healthy", 0.3)
            else:
                assert condition == "service_completed_successfully"
                assert self.processes[replica].wait(WAIT_LIMIT) == 0, self.logs()

    def _start(self, replica: str, name: str) -> None:
        self._hosts[replica] = self._network.host(name)
        service = self.services[name]
        program = PROGRAMS[image_of(service)]
        self.processes[replica] = self._process(
            replica, [program, *service["command"]], self._folder / f"{replica}.log"
        )

    def _process(self, replica: str, command: Any, log: Path) -> subprocess.Popen[bytes]:
        service = self.services[replica.partition(".")[0]]
        given = service.get("environment", {})
        environment = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", *variables_of_image()]
        given = {**(self.variables if "env_file" in service else {}), **given}
        environment += [f"{key}={value}" for key, value in given.items()]
        self._count += 1
        folder = self._folder / f"files-{self._count}"
        mounts = [self._mount(replica, volume) for volume in service.get("volumes", [])]
        return start(self._hosts[replica], folder, command, environment, mounts, log)

    def _mount(self, replica: str, volume: str) -> tuple[str, str]:
        """A folder or file of the tree, or a named volume, and where it is put."""
        source, target, *_ = volume.split(":")
        if source.startswith("."):
            return str((COMPOSE / source).resolve(strict=True)), target
        named = self._folder / f"volume-{source}"
        named.mkdir(exist_ok=True)
        return str(named), target
