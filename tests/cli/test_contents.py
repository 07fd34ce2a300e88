"""The list of commands: what it says without a look at them is what they say."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from flowworker.cli import cli
from flowworker.cli.contents import SECTIONS

LISTED = {name: one for section in SECTIONS.values() for name, one in section.items()}


@pytest.mark.parametrize("name", LISTED)
def test_a_line_is_the_first_sentence_of_the_commands_help(name):
    command = cli.get_command(click.Context(cli), name)

    assert command is not None
    assert command.name == name
    assert LISTED[name].line == command.get_short_help_str(limit=200)


def test_every_command_is_listed_under_a_title():
    said = CliRunner().invoke(cli, ["--help"]).output

    places = [said.index(f"\n{title}:\n") for title in SECTIONS]
    assert places == sorted(places)
    assert all(f"\n  {name} " in said for name in LISTED)


def test_the_list_imports_no_command():
    command = [sys.executable, "-X", "importtime", "-m", "flowworker", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "flowworker.cli.contents" in imported
    homes = {f"flowworker.cli.{one.home.partition(':')[0]}" for one in LISTED.values()}
    assert imported.isdisjoint(homes)
