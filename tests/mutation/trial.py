"""A copy of the tree in which mutants meet the tests that run their lines.

Each trial is a fork of a process that has imported the libraries and nothing of ours: that is five
times as fast as a new interpreter. A mutant that ends in a loop is one that a test has noticed.
"""

from __future__ import annotations

__all__ = ["Trials"]

import ast
import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from types import TracebackType

import coverage
import pytest

from tests.mutation.mutants import Mutant

_LIBRARIES = (
    *("asyncio", "click", "hypothesis", "jsonschema_rs", "msgspec", "nats", "prometheus_client"),
    *("pytest_asyncio", "rich.console", "structlog", "uvloop", "yaml"),
)
_LONGEST, _LONGEST_WHOLE = 30.0, 600.0
"""Seconds that the tests of one mutant may take beside three times what they take without one, and
those of a module."""
_NOTES = ".mutation-notes"
_PASSED = 42
"""Exit code of a trial in which all tests pass: a mutant may end the process with any usual one."""
_SLOW = 1.0
"""Seconds from which on a test is asked last."""
_OPTIONS = (
    *("-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--timeout", "30"),
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),
)


class Trials:
    """The copy, for as long as the context lasts."""

    def __init__(self, root: Path, copy: Path, tests: list[str]) -> None:
        self._root = root
        self._copy = copy
        self._tests = tests
        self._data = coverage.CoverageData(str(copy / ".mutation-coverage"))
        self._seconds: dict[str, float] = {}
        self._noticed: set[str] = set()

    def __enter__(self) -> Trials:
        listed = ("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
        names = subprocess.run(listed, cwd=self._root, check=True, capture_output=True).stdout
        for name in filter(None, names.decode().split("\0")):
            if (self._root / name).is_file():
                (self._copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(self._root / name, self._copy / name)
        for library in _LIBRARIES:
            importlib.import_module(library)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        shutil.rmtree(self._copy, ignore_errors=True)

    def source(self, path: str) -> str:
        """A file as it was when it was copied: the tree may change meanwhile."""
        return (self._copy / path).read_text(encoding="utf-8")

    def cover(self, room: str) -> None:
        """Find out which tests run which lines.

        Raises:
            SystemExit: they do not even pass as things are.
        """
        environment = {**os.environ, "COVERAGE_FILE": self._data.data_filename()}
        command = [sys.executable, "-m", "pytest", "-q", "-m", "not hypothesis and not chaos"]
        options = [f"--cov=flowworker/{room}", "--cov-context=test", "--cov-report="]
        done = subprocess.run(
            [*command, *options, *self._tests], cwd=self._copy, env=environment, check=False
        )
        if done.returncode:
            raise SystemExit("the tests fail without any mutant")
        self._data.read()

    def tests_of(self, path: str, lines: range) -> list[str]:
        """Tests that run one of the lines: first those of the module and those that noticed others.

        Of either the quick ones first.
        """
        by_line = self._data.contexts_by_lineno(str(self._copy / path))
        found = {context.partition("|")[0] for line in lines for context in by_line.get(line, [])}
        own = f"test_{Path(path).stem}.py"

        def order(test: str) -> tuple[bool, float, str]:
            seconds = self._seconds.get(test, 0.0)
            promising = test in self._noticed or (own in test and seconds <= _SLOW)
            return not promising, seconds, test

        return sorted(found - {""}, key=order)

    def control(self, paths: list[str]) -> None:
        """See that the tests of modules pass here as long as nothing is broken, and how quickly.

        Raises:
            SystemExit: they do not.
        """
        sources = {path: self.source(path) for path in paths}
        tests = {
            test
            for path, source in sources.items()
            for test in self.tests_of(path, range(1, source.count("\n") + 1))
        }
        same = {path: ast.unparse(ast.parse(source)) for path, source in sources.items()}
        if tests and not self._passes(same, sorted(tests), _LONGEST_WHOLE):
            failed = ", ".join(sorted(self._noticed)) or "they take too long"
            raise SystemExit(f"tests fail in a trial without any mutant: {failed}")

    def survives(self, path: str, mutant: Mutant) -> bool:
        """Whether all tests that run its lines pass."""
        tests = self.tests_of(path, mutant.lines)
        usual = sum(self._seconds.get(test, 0.0) for test in tests)
        return not tests or self._passes({path: mutant.source}, tests, _LONGEST + 3 * usual)

    def _passes(self, sources: dict[str, str], tests: list[str], longest: float) -> bool:
        """Whether tests pass upon the copy with these modules in it."""
        originals = {path: self.source(path) for path in sources}
        notes = self._copy / _NOTES
        notes.unlink(missing_ok=True)
        try:
            self._put(sources)
            passed = self._is_well(tests, longest)
        finally:
            self._put(originals)
        if notes.exists():
            reported = json.loads(notes.read_text(encoding="utf-8"))
            self._noticed.update(reported["failed"])
            self._seconds = reported["seconds"] | self._seconds
        return passed

    def _put(self, sources: dict[str, str]) -> None:
        for path, source in sources.items():
            (self._copy / path).write_text(source, encoding="utf-8")

    def _is_well(self, tests: list[str], longest: float) -> bool:
        child = os.fork()
        if child == 0:
            _run(self._copy, tests)
        deadline = time.monotonic() + longest
        while time.monotonic() < deadline:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status) == _PASSED
            time.sleep(0.02)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return False


class _Notes:
    """How long tests take, and which of them fail."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._failed: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[report.nodeid] += report.duration
        if report.failed:
            self._failed.append(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        notes = {"seconds": self._seconds, "failed": self._failed}
        self._path.write_text(json.dumps(notes), encoding="utf-8")


def _run(copy: Path, tests: list[str]) -> None:
    """In a fork: the tests upon the copy, and the end of the process."""
    code = 1
    try:
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        os.chdir(copy)
        sys.path[0] = str(copy)
        sys.dont_write_bytecode = True
        for name in [*sys.modules]:
            if name.partition(".")[0] in {"flowworker", "tests"}:
                del sys.modules[name]
        if pytest.main([*_OPTIONS, *tests], plugins=[_Notes(copy / _NOTES)]) == 0:
            code = _PASSED
    finally:
        os._exit(code)
