from __future__ import annotations

from pathlib import Path

import pytest

from flowworker.definitions import load_paths
from flowworker.definitions.document import MAX_BYTES
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
    return [str(problem) for problem in caught.value.problems]


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


def test_problems_of_all_files_are_reported_at_once():
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
        "bad.yaml:2:1: 'steps' of the workflow is empty: expected a list of steps",
        found[1],
        "empty.yaml: no workflow is defined here",
        "latin.yaml:1:10: not UTF-8: byte 0xe9",
        "large.yaml: too large: more than 16,777,216 bytes",
        "missing.yaml: cannot be read: No such file or directory",
        "nothing: no *.yaml, *.yml file in this directory, or *.json file with 'steps'",
        "\0: cannot be read: embedded null byte",
    ]
    assert found[1].startswith("worse.yaml:1:12: a second ': ' in one value")


def test_the_first_hundred_problems_are_reported():
    # Given more problems than anybody reads, in one file and in many
    for number in range(70):
        write(f"dir/{number:03}.yaml", "name: w\nx: 1\n")
    # When they are loaded, then a hundred are reported, and that there are more
    with pytest.raises(DefinitionError) as caught:
        load_paths("dir")
    assert len(caught.value.problems) == 100
    assert caught.value.has_more
    assert str(caught.value.problems[-1]).startswith("dir/049.yaml:2:1: ")
    with pytest.raises(DefinitionError) as caught:
        load_paths(["dir/001.yaml", "dir/002.yaml"])
    assert not caught.value.has_more


def test_other_json_files_below_a_directory_are_somebody_elses():
    write("dir/package.json", '{"name": "shop", "version": "1.0.0"}')
    write("dir/nested.json", '[{"steps": []}, "\\"steps\\""]')
    write("dir/broken.json", "{")
    write("dir/data.json", "[" + "1, " * MAX_BYTES)
    assert problems("dir") == [
        "dir: no *.yaml, *.yml file in this directory, or *.json file with 'steps'"
    ]
    write("dir/order.json", '{"name": "order", "steps": [{"id": "a", "uses": "u"}]}')
    assert names("dir") == [("dir/order.json", "order")]


def test_json_that_is_meant_as_a_definition_is_judged():
    # ... also if it cannot be read to its end
    write("dir/cut.json", '{"name": "order", "steps": [{"id"')
    write("dir/nameless.json", '{"steps": [{"id": "a", "uses": "u"}]}')
    assert problems("dir") == [
        "dir/cut.json:1:34: the file ends here, inside item 1 of 'steps' that begins on line 1",
        "dir/nameless.json:1:1: missing 'name' in the workflow",
    ]
    # ... and any file that is named
    write("package.json", '{"name": "shop"}')
    assert problems("package.json") == ["package.json:1:1: missing 'steps' in the workflow"]


def test_one_path_needs_no_list():
    write("one.yaml", f"name: one\n{STEPS}")
    assert [workflow.name for _, workflow in load_paths("one.yaml")] == ["one"]
    assert [workflow.name for _, workflow in load_paths(Path("one.yaml"))] == ["one"]


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
