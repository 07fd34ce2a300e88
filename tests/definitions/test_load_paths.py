from __future__ import annotations

from pathlib import Path

import pytest

from flowworker.definitions import load_paths
from flowworker.definitions.loader import MAX_BYTES
from flowworker.errors import DefinitionError

STEPS = "steps: [{id: a, uses: u}]\n"


@pytest.fixture(autouse=True)
def _in_a_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(name, content):
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def names(*paths, **options):
    return [(str(path), workflow.name) for path, workflow in load_paths(paths, **options)]


def problems(*paths, **options):
    with pytest.raises(DefinitionError) as caught:
        load_paths(paths, **options)
    return list(caught.value.problems)


def test_files_and_directories_are_read():
    # Given workflows in files of every kind, some of them in directories
    write("one.yaml", f"name: one\n{STEPS}---\nname: two\n{STEPS}")
    write("dir/b.yml", f"name: b\n{STEPS}")
    write("dir/a.json", '{"name": "a", "steps": [{"id": "a", "uses": "u"}]}')
    write("dir/deeper/c.yaml", f"name: c\n{STEPS}")
    # ... among other things
    write("dir/README.md", "# Workflows")
    write("dir/.hidden/d.yaml", "}")
    write("dir/.hidden.yaml", "}")
    Path("dir/odd.yaml").mkdir()
    # When they are loaded, then they come in the order of the arguments, sorted within directories
    assert names("one.yaml", Path("dir")) == [
        ("one.yaml", "one"),
        ("one.yaml", "two"),
        ("dir/a.json", "a"),
        ("dir/b.yml", "b"),
        ("dir/deeper/c.yaml", "c"),
    ]


def test_a_file_that_is_named_is_read_whatever_its_name():
    write("workflow.txt", f"name: one\n{STEPS}")
    assert names("workflow.txt") == [("workflow.txt", "one")]


def test_a_file_that_is_named_twice_is_read_once():
    write("dir/one.yaml", f"name: one\n{STEPS}")
    assert names("dir", "dir/one.yaml", Path.cwd() / "dir") == [("dir/one.yaml", "one")]


def test_no_paths_hold_no_workflows():
    assert load_paths([]) == []


def test_problems_of_all_files_are_told_at_once():
    write("bad.yaml", "name: bad\nsteps:\n")
    write("worse.yaml", "name: worse: steps\n")
    write("empty.yaml", "")
    write("latin.yaml", b"name: caf\xe9\n")
    write("large.yaml", "#" * (MAX_BYTES + 1))
    write("good.yaml", f"name: good\n{STEPS}")
    Path("nothing").mkdir()
    files = ["bad.yaml", "worse.yaml", "empty.yaml", "latin.yaml", "large.yaml", "good.yaml"]
    found = problems(*files, "missing.yaml", "nothing", "\0")
    assert found == [
        "nothing: no *.yaml, *.yml, *.json file in this directory",
        "bad.yaml:1:1: missing 'steps' in the workflow",
        found[2],
        "empty.yaml: no workflow is defined here",
        "latin.yaml:1:10: not UTF-8: byte 0xe9",
        "large.yaml: too large: more than 1,048,576 bytes",
        "missing.yaml: cannot be read: No such file or directory",
        "\0: cannot be read: embedded null byte",
    ]
    assert found[2].startswith("worse.yaml:1:12: not YAML: ")


def test_a_name_may_be_given_twice_to_the_same_workflow():
    write("a.yaml", f"name: one\ntimeout: 60s\n{STEPS}")
    write("b.yaml", f"id: one\n{STEPS}timeout: 1m\n")
    assert names("a.yaml", "b.yaml") == [("a.yaml", "one"), ("b.yaml", "one")]


def test_a_name_may_not_be_given_to_two_workflows():
    write("a.yaml", f"# first\nname: one\n{STEPS}")
    write("b.yaml", f"{STEPS}name: one\nversion: 2\n")
    write("c.yaml", f"{STEPS}timeout: nope\n")
    assert problems(".") == [
        "c.yaml:1:1: missing 'name' in the workflow",
        "c.yaml:2:10: 'timeout' of the workflow: expected a duration such as 500ms, 30s or 1h30m, "
        "found 'nope'",
        "b.yaml:2:7: workflow 'one' is defined differently elsewhere (see a.yaml:2)",
    ]


def test_handlers_are_checked_in_every_file():
    write("a.yaml", f"name: one\n{STEPS}")
    write("b.yaml", f"name: two\n{STEPS}")
    assert problems("a.yaml", "b.yaml", known_handlers=["v"]) == [
        "a.yaml:2:23: unknown handler 'u' in step 'a'",
        "b.yaml:2:23: unknown handler 'u' in step 'a'",
    ]
