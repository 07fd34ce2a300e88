"""Writes what the chart renders to: deploy/kubernetes/, and deploy/helm/rendered/ by example."""

from __future__ import annotations

import re

from deploy.checks.kubernetes.chart import CHART, EXAMPLES, ROOT, helm

MANIFESTS = ROOT / "deploy/kubernetes"
RENDERED = ROOT / "deploy/helm/rendered"
VALUES = MANIFESTS / "values.yaml"
MANIFEST_FILES = ("setup.yaml", "flowworker.yaml", "dashboard.yaml")

HEAD = "# Rendered by `make manifests` from deploy/helm/flowworker with {values}: do not edit.\n"


def files():
    """Every file that is rendered, by its path."""
    made = {RENDERED / path.name: joined(rendered("shop", path), path) for path in EXAMPLES}
    parts = rendered("flowworker", VALUES)
    for name in MANIFEST_FILES:
        chosen = [part for part in parts if file_of(*part) == name]
        made[MANIFESTS / name] = joined(chosen, VALUES)
    return made


def file_of(source, text):
    """What is applied before the rest, and what only those apply who want it, stand apart."""
    if source.endswith("/setup.yaml"):
        return "setup.yaml"
    of_the_dashboard = "  app.kubernetes.io/component: ui\n" in text
    return "dashboard.yaml" if of_the_dashboard else "flowworker.yaml"


def rendered(release, values):
    """The objects, each as the template that it comes from and its text."""
    done = helm("template", release, CHART, "-f", values)
    if done.returncode:
        raise SystemExit(done.stderr)
    texts = re.split(r"^---\n", done.stdout, flags=re.MULTILINE)
    found = [re.match(r"# Source: (\S+)\n(.*)", text, re.DOTALL) for text in texts]
    parts = [(match[1], match[2].strip()) for match in found if match]
    return [(source, text) for source, text in parts if re.search("^kind:", text, re.MULTILINE)]


def joined(parts, values):
    head = HEAD.format(values=values.relative_to(ROOT))
    return head + "".join(f"---\n{text}\n" for _, text in parts)


def main():
    for path, text in files().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
