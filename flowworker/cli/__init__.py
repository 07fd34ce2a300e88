"""The command line: `flowworker COMMAND`. One module per group of commands.

server, dev, fleet    processes: nats-server, everything in one, coordinator and worker
crew, changes, reload what dev is made of
ui, access            the API over HTTP, and who may use it
definitions, graph    validate, register, graph
runs, status, watch   look at runs                       act, many, choosing  act on them
why                   what they wait for
members               look at processes
reruns                do one again                       schedules  when they begin by themselves
limits                how many steps at a time
doctor                checks
probe                 whether a process is well
setup                 what makes a namespace, and brings one forward
namespaces, backups   looks at namespaces, removes, backs up and restores them
upgrade, readability  whether this release fits what is there
apps, health, serving, leaving   what the processes are made of
signals               how they are asked to end
contents, options, errors   what every command shares
render, payloads, tables, progress   what people see
"""

from __future__ import annotations

__all__ = ["cli", "main"]

import click

from flowworker.cli.contents import SECTIONS
from flowworker.cli.errors import Commands
from flowworker.cli.leaving import end_soon


@click.group(
    cls=Commands, sections=SECTIONS, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name="flowworker", message="%(prog)s %(version)s")
def cli() -> None:
    """Durable DAG workflows for Python on NATS JetStream.

    Exit codes: 0 fine, 1 the run failed or a check did not pass, 2 usage or invalid input,
    3 not found, 4 cannot reach NATS, 5 timed out, 6 some of several runs refused.
    """


def main() -> None:
    """Run the command line of this process."""
    try:
        cli.main(prog_name="flowworker")
    except SystemExit as end:
        end_soon(end.code if isinstance(end.code, int) else 1)
        raise
