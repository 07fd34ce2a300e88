"""What holds for every page: where links lead, which words and hosts it has, and the index."""

from __future__ import annotations

import re

import pytest

from flowworker.jetstream.client.connection import MINIMUM
from tests.docs.pages import INLINE, PAGES, ROOT, named, prose

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


HOSTS = {
    "127.0.0.1", "nats", "cloudevents.io", "collector", "keda.sh", "keepachangelog.com",
    "nats-io.github.io", "opentelemetry.io", "semver.org",
}  # fmt: skip
URL = re.compile(r"[a-z]+://([^/:`'\")\s]+)([^`'\")\s]*)")
PATHS = (
    "/healthz", "/readyz", "/metrics", "/run/secrets/", "/<ns>/", "/flowworker/",
    "/app", "/packages", "/tmp", "/etc/flowworker", "/etc/systemd/system/", "/opt/flowworker",
    "/usr/share/sbom/", "/api/v1",
)  # fmt: skip
FORBIDDEN = re.compile(
    r"\b(blazing\w*|seamless\w*|effortless\w*|powerful|cutting-edge|world-class|revolutionary|"
    r"robust|enterprise-grade|production-ready|state-of-the-art|simply|just works|leverag\w+|"
    r"delv\w+|TODO|TBD|FIXME|XXX)\b",
    re.IGNORECASE,
)


def slugs(path):
    """The anchors of a page's headings, as the usual renderers make them."""
    headings = re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE)
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in kept}


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_links_lead_somewhere(path):
    for link in LINK.findall(prose(path)):
        target, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        file = (path.parent / target).resolve() if target else path
        assert file.is_relative_to(ROOT), link
        assert file.exists(), link
        assert not anchor or anchor in slugs(file), link


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_pages_speak_plainly_and_of_this_project_alone(path):
    text = path.read_text(encoding="utf-8")
    assert not FORBIDDEN.findall(text)
    assert {host for host, _ in URL.findall(text)} <= HOSTS
    absolute = re.findall(r"(?<![\w.>*~\]}-])/[a-z<][\w<>./-]*", URL.sub("", text))
    assert [found for found in absolute if not found.startswith(PATHS)] == []
    for name in re.findall(r"[\w/-]+\.md\b", text):
        assert (ROOT / name.lstrip("/")).exists() or list(ROOT.glob(f"docs/**/{name}")), name


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_files_that_are_named_exist(path):
    for name in INLINE.findall(prose(path)):
        if re.match(r"(?:docs|tests|flowworker|examples|schemas|integration)/[\w/.-]*$", name):
            assert (ROOT / name).exists(), name


def test_every_page_is_in_the_index():
    index = ROOT / "docs" / "README.md"
    linked = {(index.parent / link).resolve() for link in LINK.findall(prose(index))}
    assert set((ROOT / "docs").rglob("*.md")) - linked == {index}


def test_decisions_have_their_three_parts_on_one_page():
    decisions = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    numbers = [path.name.partition("-")[0] for path in decisions]
    assert len(set(numbers)) == len(numbers)
    for number, path in zip(numbers, decisions, strict=True):
        text = path.read_text(encoding="utf-8")
        headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
        assert re.fullmatch("[0-9]{4}", number), path.name
        assert text.startswith(f"# {number}: ")
        assert headings == ["Context", "Decision", "Consequences"], path.name
        assert len(text.splitlines()) <= 60, path.name


def test_the_versions_that_are_needed():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f"| nats-server | {'.'.join(map(str, MINIMUM))} or newer" in readme
    [python] = re.findall(r'requires-python = ">=(.+)"', project)
    assert f"| Python | {python} or newer" in readme
