"""The chart, rendered by Helm, and its objects."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[3]
CHART = ROOT / "deploy/helm/flowworker"
EXAMPLES = sorted((ROOT / "deploy/helm/examples").glob("*.yaml"))
HELM = os.environ.get("HELM", "helm")


def helm(*arguments, given=""):
    """What Helm did, whether or not it was content; its standard input is `given`."""
    return subprocess.run(
        [HELM, *map(str, arguments)], input=given, capture_output=True, text=True, check=False
    )


def template(values=None, *, file=None, release="shop"):
    """What `helm template` did, with the values of a file and those given here over them."""
    chosen = ["-f", file] if file else []
    return helm(
        "template", release, CHART, "--namespace", "flow", *chosen, "-f", "-",
        given=yaml.safe_dump(values or {}),
    )  # fmt: skip


def refusal(values):
    """Why the chart does not take these values."""
    done = template(values)
    assert done.returncode != 0, "the values were taken"
    return done.stderr


@dataclass(frozen=True)
class Rendered:
    """The objects of a release."""

    objects: list

    def of(self, kind):
        return [one for one in self.objects if one["kind"] == kind]

    def one(self, kind, name):
        [found] = [one for one in self.of(kind) if one["metadata"]["name"] == name]
        return found

    @cached_property
    def coordinator(self):
        return self.one("Deployment", "shop-flowworker-coordinator")

    def worker(self, queue="default"):
        return self.one("Deployment", f"shop-flowworker-worker-{queue}")

    @property
    def setup(self):
        [found] = [one for one in self.of("Job") if component(one) == "setup"]
        return found

    @property
    def registering(self):
        [found] = [one for one in self.of("Job") if component(one) == "register"]
        return found

    def environment(self, workload):
        """What the container is told, by name; a reference as it stands."""
        shown: dict = {}
        for source in container(workload).get("envFrom", []):
            if "configMapRef" in source:
                shown |= self.one("ConfigMap", source["configMapRef"]["name"])["data"]
        for entry in container(workload)["env"]:
            shown[entry["name"]] = entry.get("value", entry.get("valueFrom"))
        return shown


def render(values=None, *, file=None, release="shop"):
    """The objects that the chart makes of these values."""
    done = template(values, file=file, release=release)
    assert done.returncode == 0, done.stderr
    return Rendered([one for one in yaml.safe_load_all(done.stdout) if one])


def component(one):
    return one["metadata"]["labels"]["app.kubernetes.io/component"]


def pod(workload):
    return workload["spec"]["template"]["spec"]


def container(workload):
    [only] = pod(workload)["containers"]
    return only


def pods(rendered):
    """Everything that has a pod template."""
    return [one for one in rendered.objects if "template" in one.get("spec", {})]
