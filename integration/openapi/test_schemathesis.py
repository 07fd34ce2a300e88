"""Schemathesis asks whatever the document allows, and more: each answer is as the document says.

It cannot be installed beside flowworker, since it wants another `jsonschema-rs`; so it has a place
of its own, which `make api-check` makes.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from integration.web.api import OPERATOR, VIEWER

HERE = Path(__file__).parent
SEED, EXAMPLES = 7, 5
"""Examples drawn at random for each operation; those of the edges of each schema come on top."""
ASKED = [
    *("--checks", "all", "--phases", "examples,coverage,fuzzing", "--continue-on-failure"),
    *("--seed", str(SEED), "--max-examples", str(EXAMPLES), "--no-shrink"),
    *("--request-timeout", "60"),
    # Streams have no end: integration/web/test_events.py
    *("--exclude-path-regex", "/events$"),
    # Who asks too often without a token gets 429, not 401: integration/web/test_access.py
    *("--exclude-checks", "ignored_auth"),
]


@pytest.fixture(scope="module")
def schemathesis() -> str:
    """Where the program is."""
    path = os.environ.get("SCHEMATHESIS", "")
    assert Path(path).is_file(), "SCHEMATHESIS does not name the program: run `make api-check`"
    return path


@pytest.mark.parametrize(
    ("token", "run", "step", "workflow"),  # and a schedule that is called as the run
    [
        pytest.param(VIEWER, "drawn", "break", "broken", id="viewer"),
        pytest.param(OPERATOR, "asked", "sure", "approval", id="operator"),
    ],
)
def test_every_answer_is_as_the_document_says(
    schemathesis, api, commands, tmp_path, token, run, step, workflow
):
    commands("start", "broken", "--id", "drawn")
    commands("start", "approval", "--id", "asked")
    commands("schedule", "create", run, workflow, "--every", "1d", "--replace")
    api.until("drawn", "FAILED")
    api.until("asked", "WAITING_HUMAN")
    url = f"http://{api.host}:{api.port}/api/v1/openapi.json"
    config = ("--config-file", str(HERE / "schemathesis.toml"))
    known = {"API_RUN": run, "API_STEP": step, "API_WORKFLOW": workflow, "API_SCHEDULE": run}

    found = subprocess.run(
        [schemathesis, *config, "run", url, "--header", f"Authorization: Bearer {token}", *ASKED],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | known,
    )

    print(found.stdout)
    assert found.returncode == 0, found.stderr
