"""Writes what the chart renders to: deploy/kubernetes/, and deploy/helm/rendered/ by example."""

from __future__ import annotations

import re

from deploy.checks.kubernetes.chart import CHART, EXAMPLES, ROOT, helm

MANIFESTS = ROOT / "deploy/kubernetes"
RENDERED = ROOT / "deploy/helm/rendered"
VALUES = MANIFESTS / "values.yaml"

HEAD = "# Rendered by `make manifests` from deploy/helm/flowworker with {values}: do not edit.\n"


def files():
    """Every file that is rendered, by its path."""
    made = {RENDERED / path.name: joined(rendered("shop", path), path) for path in EXAMPLES}
    parts = rendered("flowworker", VALUES)
    before = [(source, text) for source, text in parts if source.endswith("/setup.yaml")]
    rest = [part for part in parts if part not in before]
    made[MANIFESTS / "setup.yaml"] = joined(before, VALUES)
    made[MANIFESTS / "flowworker.yaml"] = joined(rest, VALUES)
    return made


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
