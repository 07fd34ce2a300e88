"""Every pattern is run by a test, says where it is known from, and is linked in the docs."""

from __future__ import annotations

import re

import pytest

from tests.patterns import (
    test_airflow,
    test_argo,
    test_conductor,
    test_kestra,
    test_step_functions,
)
from tests.patterns.patterns import FOLDER

SYSTEMS = {
    "airflow": ("Airflow", test_airflow),
    "argo": ("Argo Workflows", test_argo),
    "conductor": ("Conductor", test_conductor),
    "kestra": ("Kestra", test_kestra),
    "sfn": ("Step Functions", test_step_functions),
}
FILES = sorted(FOLDER.glob("*.yaml"))
PAGE = (FOLDER.parents[1] / "docs" / "how-to" / "coming-from.md").read_text()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_pattern_is_known_run_and_linked(file):
    system, _, pattern = file.stem.partition("-")
    title, tests = SYSTEMS[system]
    assert file.read_text().startswith(f"# Known from {title}: ")
    assert callable(getattr(tests, f"test_{pattern.replace('-', '_')}"))
    assert f"](../../examples/patterns/{file.name})" in PAGE


def test_there_are_thirty_and_six_of_each_system():
    assert len(FILES) >= 30
    for system in SYSTEMS:
        assert sum(file.stem.startswith(f"{system}-") for file in FILES) >= 6


def test_no_test_is_without_its_pattern():
    stems = {file.stem for file in FILES}
    for system, (_, tests) in SYSTEMS.items():
        for name in vars(tests):
            if re.match("test_", name):
                assert f"{system}-{name.removeprefix('test_').replace('_', '-')}" in stems
