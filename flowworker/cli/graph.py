"""`graph`: workflows as pictures."""

from __future__ import annotations

__all__ = ["graph"]

import click

FORMATS = ("mermaid", "svg", "dot")


@click.command()
@click.argument("path", metavar="FILE")
@click.option(
    "--format",
    "format_",
    type=click.Choice(FORMATS),
    default=FORMATS[0],
    show_default=True,
    help="What to draw; svg needs the extra `graph`.",
)
def graph(path: str, *, format_: str) -> None:
    """Draw the workflows of a file, or of all files below a directory."""
    from flowworker import drawing
    from flowworker.definitions import load_paths

    workflows = list({workflow.name: workflow for _, workflow in load_paths(path)}.values())
    match format_:
        case "svg":
            text = drawing.as_svg(workflows)
        case "dot":
            text = drawing.as_dot(workflows)
        case _:
            text = drawing.as_mermaid(workflows)
    click.echo(text, nl=False)
