"""The files in `deploy/nats` are what a server takes, and each is used."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from flowworker.embedded import find_server_binary
from integration.cli.commands import ROOT
from integration.security.accounts import DEPLOY, ROLES, VARIABLES

FOLDER = DEPLOY / "accounts"
ACCOUNTS = sorted(path for path in FOLDER.glob("*.conf") if path.stem != "accounts")


def test_a_server_takes_the_configuration():
    command = [str(find_server_binary()), "-t", "-c", str(DEPLOY / "nats.conf")]

    checked = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **VARIABLES}
    )

    assert checked.returncode == 0, checked.stderr


def test_each_account_is_included():
    included = re.findall(r'include "(.*)"', (FOLDER / "accounts.conf").read_text("utf-8"))

    assert sorted(included) == [path.name for path in ACCOUNTS]


@pytest.mark.parametrize("path", ACCOUNTS, ids=lambda path: path.stem)
def test_what_a_role_may_say_is_what_its_account_imports(path):
    """A permission without an import reaches nobody; an import without a permission is a hole."""
    text = path.read_text("utf-8")
    may, _, imports = text.partition("imports: [")
    if path.stem == "flowworker":
        assert not imports
        return

    said = re.search(r"publish: \[(.*?)\]", may, re.DOTALL)
    heard = re.search(r"subscribe: \[(.*?)\]", may, re.DOTALL)
    assert heard is not None
    own = {*re.findall(r'\{stream: "(.*?)"', may), "flowworker.lease.free.lock.>"}
    theirs = set(re.findall(r'"(.*?)"', said[1] if said else ""))
    services = set(re.findall(r'\{service: .*subject: "(.*?)"', imports))
    assert services <= theirs <= services | own
    streams = set(re.findall(r'\{stream: .*subject: "(.*?)"', imports))
    patterns = set(re.findall(r'"(.*?)"', heard[1]))
    mine = {one for one in patterns if one.startswith("_INBOX.")}
    assert patterns - mine - own <= streams
    assert all(covered(stream, patterns) for stream in streams)


def covered(stream: str, patterns: set[str]) -> bool:
    """Whether what is imported may be heard, as part of a pattern that ends with `>`."""
    return any(stream.startswith(pattern.removesuffix(">")) for pattern in patterns)


def test_the_page_names_each_account_and_user():
    page = (ROOT / "docs" / "how-to" / "secure.md").read_text("utf-8")
    files = "".join(path.read_text("utf-8") for path in ACCOUNTS)

    for account in re.findall(r"^([A-Z_]+): \{", files, re.MULTILINE):
        assert f"`{account}`" in page, account
    for user in (*set(ROLES) - {"worker-gpu"}, "coordinator", "administrator"):
        assert f"user: {user}\n" in files
        assert f"`{user}`" in page, user
