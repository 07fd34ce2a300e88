"""The page on the command line, held against the commands."""

from __future__ import annotations

import re

import click
import pytest

from flowworker.cli import cli
from flowworker.cli import errors as exit_codes
from tests.docs.pages import REFERENCE, column, table, words


def _commands():
    context = click.Context(cli)
    return {name: cli.get_command(context, name) for name in cli.list_commands(context)}


def known_commands():
    """All commands by name, those of groups by both of their names."""
    found: dict[str, click.Command] = {}
    for name, command in _commands().items():
        if isinstance(command, click.Group):
            found |= {f"{name} {each}": inner for each, inner in command.commands.items()}
        else:
            found[name] = command
    return found


def options_of(name):
    """Options of a command, without `--help`."""
    parameters = known_commands()[name].params
    return {each.opts[0]: each for each in parameters if isinstance(each, click.Option)}


def headings():
    text = (REFERENCE / "cli.md").read_text(encoding="utf-8")
    return re.findall(r"^### (`flowworker ([a-z]+(?: [a-z]+)?)(.*)`)$", text, re.MULTILINE)


def shared_options():
    return {cell.split()[0] for cell in column(table("cli.md", "Connection options"), "option")}


def test_the_command_line_has_the_commands_that_are_described():
    assert {name for _, name, _ in headings()} == set(known_commands())
    assert len(headings()) == len(known_commands())


@pytest.mark.parametrize(("heading", "name", "arguments"), headings())
def test_a_command_has_the_arguments_and_options_that_are_described(heading, name, arguments):
    expected = set(options_of(name))
    text = (REFERENCE / "cli.md").read_text(encoding="utf-8").partition(f"{heading}\n")[2]
    section = text.partition("\n#")[0]
    described = {cell.split()[0] for cell in column(table("cli.md", heading), "option")}
    if "Takes the connection options" in section:
        described |= shared_options()
    assert described == expected
    wanted = [each for each in known_commands()[name].params if isinstance(each, click.Argument)]
    assert arguments.split() == [word for each in wanted for word in shown_as(each)]


def shown_as(argument):
    """Its words; some arguments say all of them by themselves."""
    named = (argument.metavar or argument.name).upper()
    if len(named.split()) > 1:
        return named.split()
    bare = named.strip("[].")
    many = "..." if argument.nargs == -1 else ""
    return [f"{bare}{many}" if argument.required else f"[{bare}]{many}"]


@pytest.mark.parametrize(("heading", "name", "arguments"), headings())
def test_an_option_has_the_default_that_is_described(heading, name, arguments):
    for row in table("cli.md", heading):
        option = options_of(name)[words(row["option"])[0].split()[0]]
        if option.required:
            assert row["default"].split(";")[0] == "required"
        if option.envvar:
            assert f"`{option.envvar}`" in row["default"]
        if isinstance(option.type, click.Choice) and option.name != "state":
            assert set(option.type.choices) <= set(words(row["meaning"]))
        default = option.to_info_dict()["default"]
        if default and not option.is_flag:
            shown = default[0] if isinstance(default, tuple) else default
            assert str(shown) in row["default"].replace("`", "").split(";")[0]


def test_connection_options_are_those_of_the_commands():
    rows = table("cli.md", "Connection options")
    known = options_of("history")
    for row in rows:
        option = known[words(row["option"])[0].split()[0]]
        assert words(row["variable"]) == [option.envvar]
    assert shared_options() == set(known) - {"--json", "--reveal"}


def test_exit_codes():
    described = {int(row["code"]) for row in table("cli.md", "Exit codes")}
    values = [value for name, value in vars(exit_codes).items() if name.isupper()]
    assert described == {0, *(value for value in values if isinstance(value, int))}
