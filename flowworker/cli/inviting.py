"""What can be done with a fleet that was just started: commands, ready to be copied."""

from __future__ import annotations

__all__ = ["invite"]

from typing import TYPE_CHECKING

import click

from flowworker.cli.server import DEFAULT_PORT

if TYPE_CHECKING:
    from flowworker.core.model import Workflow


def invite(workflows: list[Workflow], url: str) -> None:
    """Say what can be done now, with these workflows and the server at that URL."""
    where = "" if url == f"nats://127.0.0.1:{DEFAULT_PORT}" else f" --nats-url {url}"
    for workflow in workflows:
        click.echo(f"workflow {workflow.name} {workflow.version}".rstrip())
    name = workflows[0].name if workflows else "NAME"
    if not workflows:
        click.echo(f"no workflow is registered yet: flowworker register FILE{where}")
    example = _example(workflows[0]) if workflows else "{}"
    click.echo(f"start a run:   flowworker start {name} --input '{example}' --wait{where}")
    click.echo(f"watch events:  flowworker watch{where}")
    click.echo("Ctrl-C drains and ends")


def _example(workflow: Workflow) -> str:
    """An input that shows the keys which the workflow requires; the values are to be filled in."""
    required = (workflow.input_schema or {}).get("required", ())
    keys = ", ".join(f'"{key}": ...' for key in required)
    return f"{{{keys}}}"
