"""Examples in the documentation parse, run, and use commands and options that exist."""

from __future__ import annotations

import json
import re
import shlex
import sys
from types import ModuleType

import click
import pytest
import yaml

from flowworker import App
from flowworker.cli import cli
from flowworker.definitions import InputValidator, load_paths, parse_all
from tests.docs.pages import FENCE, INLINE, PAGES, ROOT, blocks, named


@pytest.mark.parametrize("text", blocks("yaml"))
def test_workflows_parse(text):
    documents = [each for each in yaml.safe_load_all(text) if each is not None]
    assert documents
    if all("steps" in each for each in documents):
        assert len(parse_all(text)) == len(documents)


@pytest.mark.parametrize("text", blocks("json"))
def test_json_is_json(text):
    json.loads(text)


@pytest.mark.parametrize("text", blocks("python"))
def test_python_runs(text, monkeypatch):
    module = ModuleType("documented")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(text, "<documentation>", "exec"), module.__dict__)
    apps = [value for value in vars(module).values() if isinstance(value, App)]
    for app in apps:
        assert app.handlers
        for handler in app.handlers.values():
            handler.resolve()


def commands():
    """Every use of `flowworker`, in blocks and in running text."""
    found = set()
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        shown = [match[3] for match in FENCE.finditer(text) if not match[2]]
        lines = "\n".join(shown).splitlines() + INLINE.findall(FENCE.sub("", text))
        for line in lines:
            used = re.match(r"(?:\.venv/bin/)?flowworker ([a-z].*)", line.strip())
            if used:
                found.add(used[1].partition(" #")[0].strip())
    return sorted(found)


@pytest.mark.parametrize("line", commands())
def test_commands_exist_with_their_options(line):
    name, *arguments = shlex.split(line)
    command = cli.get_command(click.Context(cli), name or "")
    assert command is not None
    context = click.Context(command, resilient_parsing=True)
    command.make_parser(context).parse_args(arguments)


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_make_targets_exist(path):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"(?:`|^ *)make ([a-z-]+)\b", path.read_text(encoding="utf-8"), re.M):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_example_runs_are_started_with_fitting_input():
    [(_, hello)] = load_paths([ROOT / "examples" / "hello"])
    used = r"(?:start hello --input |pub flowworker\.start\.hello |start\.hello\", b)'([^']*)'"
    found = [body for path in PAGES for body in re.findall(used, path.read_text("utf-8"))]
    assert found
    assert hello.input_schema is not None
    for body in found:
        assert InputValidator(hello.input_schema).problems(json.loads(body)) == []
