"""Workflows from text and from files: every problem of all of them in one error."""

from __future__ import annotations

__all__ = ["Parser", "load_paths", "parse", "parse_all"]

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from flowworker.definitions.content import encode
from flowworker.definitions.loader import MAX_BYTES, load
from flowworker.definitions.problems import Problem, Report
from flowworker.definitions.tree import NOWHERE, Mark, ScalarNode, node_at, quoted
from flowworker.definitions.validate import check_workflow, workflow_of
from flowworker.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from os import PathLike

    from flowworker.core.model import Workflow
    from flowworker.definitions.tree import Node

_SUFFIXES = (".yaml", ".yml", ".json")


class Parser:
    """The seed's name for `parse`, and for the same rules on workflows that were built by hand."""

    def parse(self, data: str | bytes) -> Workflow:
        """The one workflow that a YAML or JSON text defines.

        Raises:
            DefinitionError: with every problem.
        """
        return parse(data)

    def validate(self, workflow: Workflow) -> None:
        """Hold a workflow to the rules.

        Raises:
            DefinitionError: with every problem.
        """
        check_workflow(workflow)


def parse(
    text: str | bytes, source: str = "<string>", known_handlers: Collection[str] | None = None
) -> Workflow:
    """The one workflow that a YAML or JSON text defines.

    `source` names the text in messages. With `known_handlers`, the use of any other is a problem.

    Raises:
        DefinitionError: with every problem.
    """
    report = Report(source)
    definitions = _read(text, report, known_handlers)
    if len(definitions) > 1:
        message = f"expected one workflow, found {len(definitions)}"
        report.add(definitions[1].mark, message, "parse_all reads several")
    _raise(report.problems)
    return definitions[0].workflow


def parse_all(
    text: str | bytes, source: str = "<string>", known_handlers: Collection[str] | None = None
) -> list[Workflow]:
    """All workflows that a text defines, one per YAML document; otherwise like `parse`."""
    report = Report(source)
    definitions = _read(text, report, known_handlers)
    _raise([*report.problems, *_conflicts(definitions)])
    return [definition.workflow for definition in definitions]


def load_paths(
    paths: Iterable[str | PathLike[str]], known_handlers: Collection[str] | None = None
) -> list[tuple[Path, Workflow]]:
    """All workflows in files, and in the *.yaml, *.yml and *.json files below directories.

    Hidden files and directories below a directory are left out.

    Raises:
        DefinitionError: with every problem of every file; no file, nothing in a file, and two
            different workflows of one name are problems too.
    """
    problems: list[Problem] = []
    found: list[tuple[Path, _Definition]] = []
    for file in _files(paths, problems):
        report = Report(str(file))
        try:
            with file.open("rb") as stream:
                content = stream.read(MAX_BYTES + 1)
        except (OSError, ValueError) as error:
            report.add(NOWHERE, f"cannot be read: {getattr(error, 'strerror', error)}")
        else:
            found += [(file, each) for each in _read(content, report, known_handlers)]
        problems += report.problems
    _raise([*problems, *_conflicts([definition for _, definition in found])])
    return [(file, definition.workflow) for file, definition in found]


class _Definition(NamedTuple):
    """A workflow and where its name stands."""

    workflow: Workflow
    source: str
    mark: Mark


def _read(
    text: str | bytes, report: Report, known_handlers: Collection[str] | None
) -> list[_Definition]:
    definitions = [
        _Definition(
            workflow_of(document, report, known_handlers), report.source, _name_mark(document)
        )
        for document in load(text, report)
        if not (isinstance(document, ScalarNode) and document.value is None)
    ]
    if not definitions and not report.problems:
        report.add(NOWHERE, "no workflow is defined here")
    return definitions


def _name_mark(document: Node) -> Mark:
    by_id = node_at(document, ["id"])
    return (node_at(document, ["name"]) if by_id is document else by_id).mark


def _conflicts(definitions: Iterable[_Definition]) -> list[Problem]:
    """Definitions that give a name to something else than an earlier one does."""
    first: dict[str, _Definition] = {}
    problems = []
    for definition in definitions:
        workflow, source, mark = definition
        other = first.setdefault(workflow.name, definition)
        if encode(workflow) != encode(other.workflow):
            message = f"workflow {quoted(workflow.name)} is defined differently elsewhere"
            hint = f"see {other.source}:{other.mark.line}"
            problems.append(Problem(source, *mark, message, hint))
    return problems


def _files(paths: Iterable[str | PathLike[str]], problems: list[Problem]) -> list[Path]:
    """Every file once, in the order of the paths, and by name below a directory."""
    files: dict[Path, Path] = {}
    for path in map(Path, paths):
        found = _below(path) if path.is_dir() else [path]
        if not found:
            message = f"no {', '.join(f'*{suffix}' for suffix in _SUFFIXES)} file in this directory"
            problems.append(Problem(str(path), *NOWHERE, message))
        for file in found:
            files.setdefault(file.absolute(), file)
    return list(files.values())


def _below(directory: Path) -> list[Path]:
    return sorted(
        file
        for file in directory.rglob("*")
        if file.suffix in _SUFFIXES
        and not any(part.startswith(".") for part in file.relative_to(directory).parts)
        and file.is_file()
    )


def _raise(problems: Sequence[Problem]) -> None:
    if problems:
        raise DefinitionError([str(problem) for problem in problems])
