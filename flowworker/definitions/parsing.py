"""Workflows from text and from files: every problem of all of them in one error."""

from __future__ import annotations

__all__ = ["Parser", "load_paths", "parse", "parse_all"]

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from flowworker.core.children import calls_in
from flowworker.definitions.calls import circle_in
from flowworker.definitions.document import MAX_BYTES
from flowworker.definitions.loader import load
from flowworker.definitions.passed import check_passed
from flowworker.definitions.problems import MAX_PROBLEMS, Report
from flowworker.definitions.tree import NOWHERE, MappingNode, Mark, ScalarNode, node_at, quoted
from flowworker.definitions.validate import check_workflow, encoded, workflow_of
from flowworker.errors import DefinitionError, Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from flowworker.core.model import Workflow
    from flowworker.definitions.tree import Node

_SUFFIXES = (".yaml", ".yml")
_JSON = ".json"


class Parser:
    """The Go package's name for `parse`, and for the same checks on workflows built in Python."""

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
        DefinitionError: with every problem, up to a hundred.
    """
    report = Report(source)
    definitions = _definitions(load(text, report), report, known_handlers)
    if len(definitions) > 1:
        message = f"expected one workflow, found {len(definitions)}"
        report.add(definitions[1].mark, message, "parse_all reads several")
    _raise(report.problems, is_full=report.is_full)
    return definitions[0].workflow


def parse_all(
    text: str | bytes, source: str = "<string>", known_handlers: Collection[str] | None = None
) -> list[Workflow]:
    """All workflows that a text defines, one per YAML document; otherwise like `parse`."""
    report = Report(source)
    definitions = _definitions(load(text, report), report, known_handlers)
    problems = [*report.problems, *_between(definitions)]
    _raise(problems, is_full=report.is_full)
    return [definition.workflow for definition in definitions]


def load_paths(
    paths: str | PathLike[str] | Iterable[str | PathLike[str]],
    known_handlers: Collection[str] | None = None,
) -> list[tuple[Path, Workflow]]:
    """All workflows in files and below directories, each with its file.

    Below a directory, the *.yaml and *.yml files are read, and those *.json files that have
    `steps`: others are not definitions. Hidden files and directories there are left out.

    Raises:
        DefinitionError: with every problem of every file, up to a hundred; no file, nothing in a
            file, and two different workflows of one name are problems too.
    """
    files = _Files(known_handlers)
    for path in [paths] if isinstance(paths, str | PathLike) else paths:
        files.read(Path(path))
    found = [each for _, each in files.found]
    problems = [*files.problems, *_between(found)]
    _raise(problems, is_full=files.is_full)
    return [(file, definition.workflow) for file, definition in files.found]


class _Definition(NamedTuple):
    """A workflow, where it was read, its canonical JSON, and where its name stands."""

    workflow: Workflow
    document: Node
    content: bytes
    source: str
    mark: Mark


class _Files:
    """Reads files, each one once, in the order of the paths, and by name below a directory.

    Attributes:
        found: what they define.
        problems: what is wrong with them.
        is_full: there are more problems than are reported; the rest was not read.
    """

    def __init__(self, known_handlers: Collection[str] | None) -> None:
        self.found: list[tuple[Path, _Definition]] = []
        self.problems: list[Problem] = []
        self.is_full = False
        self._known_handlers = known_handlers
        self._is_ours: dict[Path, bool] = {}

    def read(self, path: Path) -> None:
        """Read a file, or those below a directory."""
        if not path.is_dir():
            self._file(path)
        elif True not in [self._file(file, below=True) for file in _below(path)]:
            suffixes = ", ".join(f"*{suffix}" for suffix in _SUFFIXES)
            message = f"no {suffixes} file in this directory, or *{_JSON} file with 'steps'"
            self.problems.append(Problem(message, str(path)))

    def _file(self, file: Path, *, below: bool = False) -> bool:
        """Read a file; whether it is one of definitions."""
        name = file.absolute()
        if name not in self._is_ours:
            self._is_ours[name] = self._read(file, is_certain=not below or file.suffix != _JSON)
        return self._is_ours[name]

    def _read(self, file: Path, *, is_certain: bool) -> bool:
        if len(self.problems) > MAX_PROBLEMS:
            self.is_full = True
            return True
        report = Report(str(file))
        definitions: list[_Definition] = []
        try:
            with file.open("rb") as stream:
                content = stream.read(MAX_BYTES + 1)
        except (OSError, ValueError) as error:
            report.add(NOWHERE, f"cannot be read: {getattr(error, 'strerror', error)}")
        else:
            documents = load(content, report)
            if not is_certain and not _has_steps(documents, content):
                return False
            definitions = _definitions(documents, report, self._known_handlers)
        self.found += [(file, each) for each in definitions]
        self.problems += report.problems
        self.is_full = self.is_full or report.is_full
        return True


def _has_steps(documents: list[Node], content: bytes) -> bool:
    """Whether something is meant as a definition, also if it cannot be read to its end."""
    if documents:
        return any(isinstance(each, MappingNode) and "steps" in each.entries for each in documents)
    return b'"steps"' in content


def _definitions(
    documents: list[Node], report: Report, known_handlers: Collection[str] | None
) -> list[_Definition]:
    definitions = []
    for document in documents:
        if report.is_full:
            break
        if isinstance(document, ScalarNode) and document.value is None:
            continue
        workflow = workflow_of(document, report, known_handlers)
        # What is wrong need not be encoded: it is not compared with others, nor too large.
        content = b"" if report.problems else encoded(workflow, report, _name_mark(document))
        mark = _name_mark(document)
        definitions.append(_Definition(workflow, document, content, report.source, mark))
    if not definitions and not report.problems:
        report.add(NOWHERE, "no workflow is defined here")
    return definitions


def _name_mark(document: Node) -> Mark:
    by_id = node_at(document, ["id"])
    return (node_at(document, ["name"]) if by_id is document else by_id).mark


def _between(definitions: list[_Definition]) -> list[Problem]:
    """What is wrong with definitions beside each other."""
    return [*_conflicts(definitions), *_circles(definitions), *_passed(definitions)]


def _passed(definitions: list[_Definition]) -> list[Problem]:
    """What those that are right by themselves give to those that they call, and these refuse."""
    right = [one for one in definitions if one.content]
    called = {one.workflow.name: one.workflow for one in right}
    problems = []
    for one in right:
        if isinstance(one.document, MappingNode) and calls_in(one.workflow):
            report = Report(one.source)
            check_passed(one.document, one.workflow, called, report)
            problems += report.problems
    return problems


def _conflicts(definitions: Iterable[_Definition]) -> list[Problem]:
    """Definitions that give a name to something else than an earlier one does."""
    first: dict[str, _Definition] = {}
    problems = []
    for definition in definitions:
        name, mark = definition.workflow.name, definition.mark
        other = first.setdefault(name, definition)
        if definition.content != other.content:
            message = f"workflow {quoted(name)} is defined differently elsewhere"
            hint = f"see {other.source}:{other.mark.line}"
            problems.append(Problem(message, definition.source, *mark, hint))
    return problems


def _circles(definitions: list[_Definition]) -> list[Problem]:
    """Workflows that call each other in a circle, at the first of them."""
    circle = circle_in(each.workflow for each in definitions)
    if circle is None:
        return []
    first, *rest = circle
    at = next(each for each in definitions if each.workflow.name == first)
    step = calls_in(at.workflow)[rest[0]]
    message = f"workflow {quoted(first)} calls itself: {' -> '.join(circle)}"
    hint = f"its step {quoted(step)} calls {quoted(rest[0])}"
    return [Problem(message, at.source, *at.mark, hint)]


def _below(directory: Path) -> list[Path]:
    return sorted(
        file
        for file in directory.rglob("*")
        if file.suffix in {*_SUFFIXES, _JSON}
        and not any(part.startswith(".") for part in file.relative_to(directory).parts)
        and file.is_file()
    )


def _raise(problems: Sequence[Problem], *, is_full: bool) -> None:
    if problems:
        more = is_full or len(problems) > MAX_PROBLEMS
        raise DefinitionError(problems[:MAX_PROBLEMS], has_more=more)
