"""The tutorial: what its stages make of the files, one after the other, with real pictures."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from msgspec.structs import replace

from examples.media.handlers import app
from examples.media.samples import BROKEN, NAMES, draw_samples
from flowworker.cli import cli
from flowworker.definitions import load_paths
from flowworker.errors import InvalidInput
from flowworker.testing import WorkflowTest
from tests.docs.pages import FENCE, ROOT

PAGE = (ROOT / "docs" / "tutorial.md").read_text("utf-8")
STAGES = [
    "Two steps", "A loop", "A small graph for each", "Somebody looks at it",
    "A workflow in the workflow", "What was published is taken back", "The end",
]  # fmt: skip
ALBUM = "media.album"
SAGA = 'saga: {uses: media.withdraw, with: {album: "${input.site}/${run.id}"}}'


def shown(stage: str) -> list[Any]:
    """The YAML of a stage."""
    [section] = re.findall(rf"^## {stage}\n(.*?)(?=^## )", PAGE, re.MULTILINE | re.DOTALL)
    return [yaml.safe_load(match[3]) for match in FENCE.finditer(section) if match[2] == "yaml"]


def follow(files: dict[str, dict[str, Any]], part: Any) -> None:
    """Do with a part of the page what the page says."""
    if isinstance(part, list):
        steps = {step["id"]: step for step in files[ALBUM]["steps"]}
        files[ALBUM]["steps"] = list((steps | {step["id"]: step for step in part}).values())
    elif "name" in part:
        files[part["name"]] = part
    else:
        add(files[ALBUM], part)


def add(whole: dict[str, Any], part: dict[str, Any]) -> None:
    for key, value in part.items():
        if isinstance(whole.get(key), dict):
            add(whole[key], value)
        else:
            whole[key] = value


class Reader:
    """Somebody who has followed the page to a stage, and has the pictures."""

    def __init__(self, folder: Path, pictures: Path, stage: str) -> None:
        files: dict[str, dict[str, Any]] = {}
        for earlier in STAGES[: STAGES.index(stage) + 1]:
            for part in shown(earlier):
                follow(files, part)
        self.files = folder / "album"
        self.files.mkdir()
        for name, content in files.items():
            (self.files / f"{name}.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
        self.site = folder / "site"
        self.input = {"folder": str(pictures), "site": str(self.site)}

    def tries(self) -> WorkflowTest:
        return WorkflowTest(app, self.files)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    draw_samples(folder)
    return folder


@pytest.fixture
def reader(request, tmp_path, pictures) -> Reader:
    return Reader(tmp_path, pictures, request.param)


def at(stage: str):
    return pytest.mark.parametrize("reader", [stage], indirect=True, ids=[stage])


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_all_stages_are_followed():
    headings = re.findall(r"^## (.+)$", PAGE, re.MULTILINE)
    assert headings == [*STAGES, "Test it", "Let things go wrong"]


@pytest.mark.parametrize("reader", STAGES, indirect=True)
def test_each_stage_is_valid_and_fits_its_handlers(reader):
    app_ = "examples.media.handlers:app"
    result = CliRunner().invoke(cli, ["validate", str(reader.files), "--app", app_])
    assert result.exit_code == 0, result.output


@at("Two steps")
def test_two_steps(reader, pictures, tmp_path):
    with reader.tries() as flow:
        run = flow.run(reader.input)
        assert run.status == "FAILED"
        assert f"\n{run.error}\n" in PAGE

        whole = tmp_path / "whole"
        whole.mkdir()
        (whole / "attic.jpg").write_bytes((pictures / "attic.jpg").read_bytes())
        run = flow.run(reader.input | {"folder": str(whole)})
        assert run.completed
        assert Path(run.output["sheet"]).is_file()


@at("A loop")
def test_a_loop(reader):
    with reader.tries() as flow:
        run = flow.run(reader.input)
        assert run.completed
        sheet = Path(run.output["sheet"])
        assert names(sheet.parent / "thumbnails") == sorted(
            path.name for path in (sheet.parent / "thumbnails").glob("*.jpg")
        )
        assert len(names(sheet.parent / "thumbnails")) == len(NAMES)
        thumbnails = run.step("pictures").output
        assert [each is None for each in thumbnails] == [False] * len(NAMES) + [True]


@at("A small graph for each")
def test_a_small_graph_for_each(reader):
    with reader.tries() as flow:
        run = flow.run(reader.input)
        assert run.completed
        work = Path(run.output["sheet"]).parent
        assert names(work / "resized") == ["attic.jpg", "dunes.jpg", "garden.jpg", "jetty.png"]
        assert len(names(work / "thumbnails")) == len(NAMES)


@at("Somebody looks at it")
def test_somebody_looks_at_it(reader):
    with reader.tries() as flow:
        run = flow.run(reader.input)
        assert run.waiting == ("approve",)
        [sheet] = reader.site.rglob("sheet.jpg")
        [asked] = [step.prompt for step in run.view.steps if step.prompt]
        assert asked == f"Publish what {sheet} shows?"
        with pytest.raises(InvalidInput):
            run.approve(output={"title": ""})
        assert run.approve(output={"title": "By the sea"}).completed

        run = flow.run(reader.input)
        assert run.reject("out of focus").status == "FAILED"
        assert "out of focus" in run.error

        run = flow.run(reader.input).wait_for_end()
        assert "Timeout" in run.error


@at("A workflow in the workflow")
def test_a_workflow_in_the_workflow(reader):
    with reader.tries() as flow:
        run = flow.run(reader.input, workflow=ALBUM)
        run.approve(output={"title": "By the sea"})
        assert run.completed
        page = reader.site / run.id / "index.html"
        assert run.output["publish"]["page"] == str(page)
        assert "<h1>By the sea</h1>" in page.read_text()
        assert len(names(page.parent)) == len(NAMES) + len(["index.html", "thumbnails"])


@at("What was published is taken back")
def test_what_was_published_is_taken_back(reader):
    with reader.tries() as flow:
        run = flow.run(reader.input | {"max_bytes": 1000}, workflow=ALBUM)
        run.approve()
        assert run.status == "FAILED"
        assert "TooHeavy" in run.error
        assert run.step("publish").status == "COMPENSATED"
        assert not (reader.site / run.id).exists()


@at("The end")
def test_the_end(reader):
    with reader.tries() as flow:
        run = flow.run(reader.input, workflow=ALBUM)
        run.approve()
        assert run.completed
        assert (run.output["broken"], run.output["bytes"] > 100_000) == (1, True)
        with Path(run.output["report"]).open(newline="") as file:
            outcomes = {row["file"]: row["outcome"] for row in csv.DictReader(file)}
        assert len(outcomes) == len(NAMES) + 1
        assert (outcomes["attic.jpg"], outcomes[BROKEN]) == ("resized", "broken")
        assert names(reader.site) == sorted([run.id, f"{run.id}.csv"])


@at("The end")
def test_what_it_comes_to_is_the_example(reader):
    made, example = (
        [replace(each, steps=sorted(each.steps, key=lambda step: step.id)) for _, each in found]
        for found in (load_paths([reader.files]), load_paths([ROOT / "examples" / "media"]))
    )
    assert made == example


@pytest.mark.slow
@pytest.mark.usefixtures("uncovered")  # tests of `simulate` cover it
@pytest.mark.parametrize("is_undone", [True, False])
def test_what_is_left_when_things_go_wrong(tmp_path, is_undone):
    [command] = re.findall(r"^flowworker (simulate .*)$", PAGE, re.MULTILINE)
    for path in (ROOT / "examples" / "media").glob("*.yaml"):
        kept = [
            line for line in path.read_text("utf-8").splitlines() if is_undone or SAGA not in line
        ]
        (tmp_path / path.name).write_text("\n".join(kept), "utf-8")
    arguments = [*command.replace("examples/media", str(tmp_path)).split(), "--worlds", "60"]

    result = CliRunner().invoke(cli, arguments)

    assert ("\nNo end leaves anything half done.\n" in result.output) == is_undone, result.output
    assert ("step 'publish' was completed, and has no saga" in result.output) != is_undone
