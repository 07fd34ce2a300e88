"""`health`: ask a process of this machine how it is, where there is no curl to ask with."""

from __future__ import annotations

__all__ = ["health"]

import http.client
from contextlib import closing

import click

from flowworker.cli.errors import FAILED, say
from flowworker.cli.tables import plain

_TIMEOUT = 3.0
"""Seconds for an answer; probes of containers give up after 5 or more."""


@click.command()
@click.option("--ready", is_flag=True, help="Ask whether it does its work, not whether it lives.")
@click.option(
    "--http-port",
    type=click.IntRange(1, 65535),
    required=True,
    envvar="FLOWWORKER_HTTP_PORT",
    show_envvar=True,
    help="The process' port.",
)
@click.option(
    "--http-host",
    default="127.0.0.1",
    show_default=True,
    envvar="FLOWWORKER_HTTP_HOST",
    show_envvar=True,
    help="The process' interface; `0.0.0.0` and `::` mean this machine.",
)
@click.pass_context
def health(ctx: click.Context, http_port: int, http_host: str, *, ready: bool) -> None:
    """Ask a coordinator or worker that serves HTTP whether it is well.

    Exit code 1 if it is not, or does not answer.
    """
    try:
        with closing(http.client.HTTPConnection(http_host, http_port, timeout=_TIMEOUT)) as asked:
            asked.request("GET", "/readyz" if ready else "/healthz")
            answer = asked.getresponse()
            text = answer.read().decode("utf-8", "replace").strip()
    except (OSError, http.client.HTTPException, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        say(f"error: no answer from {http_host}:{http_port}: {reason}")
        ctx.exit(FAILED)
    click.echo(plain(text))
    if answer.status != http.client.OK:
        ctx.exit(FAILED)
