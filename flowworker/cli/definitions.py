"""`validate` and `register`: workflow definitions."""

from __future__ import annotations

__all__ = ["register", "validate"]

from typing import TYPE_CHECKING

import click

from flowworker.cli.errors import INVALID, say
from flowworker.cli.options import Target, as_json, connection, run_client
from flowworker.cli.render import json_line
from flowworker.cli.tables import plain
from flowworker.errors import DefinitionError

if TYPE_CHECKING:
    from pathlib import Path

    from flowworker.client import Client
    from flowworker.core.model import Workflow
    from flowworker.errors import Problem

_PATHS = click.argument("paths", nargs=-1, required=True, metavar="PATH...")


@click.command()
@_PATHS
@click.option(
    "--app",
    "app_names",
    multiple=True,
    metavar="MOD[:ATTR]",
    help="Also check that this App has every handler that the workflows use; or, if given several "
    "times, that all of them together have.",
)
@as_json
@click.pass_context
def validate(
    ctx: click.Context, paths: tuple[str, ...], *, app_names: tuple[str, ...], json_: bool
) -> None:
    """Check definitions, in files or all below directories, and print every problem."""
    from flowworker.definitions import load_paths

    handlers = None
    if app_names:
        from flowworker.cli.apps import load_apps

        handlers = load_apps(app_names).handlers
    problems: tuple[Problem, ...] = ()
    has_more = False
    found: list[tuple[Path, Workflow]] = []
    try:
        found = load_paths(paths, handlers)
    except DefinitionError as error:
        problems, has_more = error.problems, error.has_more
    if json_:
        workflows = [_described(path, workflow) for path, workflow in found]
        listed = [_as_json(problem) for problem in problems]
        click.echo(json_line({"workflows": workflows, "problems": listed, "has_more": has_more}))
    else:
        for path, workflow in found:
            steps = f"{len(workflow.steps)} step{'' if len(workflow.steps) == 1 else 's'}"
            click.echo(plain(f"{path}: {workflow.name} is fine, {steps}"))
        for problem in problems:
            say(plain(str(problem)))
        if has_more:
            click.echo(f"and more; these are the first {len(problems)}", err=True)
    if problems:
        ctx.exit(INVALID)


def _described(path: Path, workflow: Workflow) -> dict[str, object]:
    return {
        "path": str(path),
        "name": workflow.name,
        "version": workflow.version,
        "steps": [step.id for step in workflow.steps],
    }


def _as_json(problem: Problem) -> dict[str, object]:
    """A problem for editors and scripts; what is not known is null."""
    return {
        "file": problem.source or None,
        "line": problem.line or None,
        "column": problem.column or None,
        "message": problem.message,
        "hint": problem.hint or None,
    }


@click.command()
@_PATHS
@connection
@as_json
def register(target: Target, paths: tuple[str, ...], *, json_: bool) -> None:
    """Publish definitions to the fleet; active runs keep theirs.

    Nothing is published unless all of them are valid.
    """
    from flowworker.definitions import load_paths

    workflows = {workflow.name: workflow for _, workflow in load_paths(paths)}

    async def publish(client: Client) -> None:
        digests = await client.register_all(workflows.values())
        for workflow, digest in zip(workflows.values(), digests, strict=True):
            if json_:
                named = {"name": workflow.name, "version": workflow.version, "hash": digest}
                click.echo(json_line(named))
            else:
                click.echo(f"registered {workflow.name} {workflow.version} ({digest[:12]})")

    run_client(target, publish)
