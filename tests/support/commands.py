"""Commands of the command line, which imports them when they are asked for."""

from __future__ import annotations

import click

from flowworker.cli import cli


def command_of(name: str) -> click.Command:
    """The command of that name."""
    found = cli.get_command(click.Context(cli), name)
    assert found is not None, f"there is no command {name!r}"
    return found
