"""The command line: `flowworker COMMAND`. One module per group of commands.

server, dev, fleet    processes: nats-server, everything in one, coordinator and worker
crew, changes, reload what dev is made of
definitions, graph    validate, register, graph
runs, status, watch   look at runs                       act        act on them
reruns                do one again
doctor                checks
probe                 whether a process is well
setup                 what makes a namespace, and brings one forward
namespaces, backups   looks at namespaces, removes, backs up and restores them
upgrade, readability  whether this release fits what is there
apps, health, serving what the processes are made of
signals               how they are asked to end
options, errors       what every command shares
render, progress      what people see
"""

from __future__ import annotations

__all__ = ["cli", "main"]

import click

from flowworker.cli.act import approve, cancel, reject, resume, signal, terminate
from flowworker.cli.definitions import register, validate
from flowworker.cli.dev import dev
from flowworker.cli.doctor import doctor
from flowworker.cli.errors import Commands
from flowworker.cli.fleet import coordinator, worker
from flowworker.cli.graph import graph
from flowworker.cli.namespaces import namespace
from flowworker.cli.probe import health
from flowworker.cli.reruns import rerun, retry
from flowworker.cli.runs import history, list_runs, start
from flowworker.cli.server import server
from flowworker.cli.serving import end_soon
from flowworker.cli.setup import setup
from flowworker.cli.simulate import simulate
from flowworker.cli.status import status
from flowworker.cli.upgrade import upgrade
from flowworker.cli.watch import watch


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="flowworker", message="%(prog)s %(version)s")
def cli() -> None:
    """Durable DAG workflows for Python on NATS JetStream.

    Exit codes: 0 fine, 1 the run failed or a check did not pass, 2 usage or invalid input,
    3 not found, 4 cannot reach NATS, 5 timed out.
    """


for command in (
    dev,
    server,
    coordinator,
    worker,
    validate,
    graph,
    simulate,
    register,
    start,
    status,
    list_runs,
    history,
    watch,
    cancel,
    terminate,
    approve,
    reject,
    resume,
    signal,
    rerun,
    retry,
    doctor,
    health,
    setup,
    namespace,
    upgrade,
):
    cli.add_command(command)


def main() -> None:
    """Run the command line of this process."""
    try:
        cli.main(prog_name="flowworker")
    except SystemExit as end:
        end_soon(end.code if isinstance(end.code, int) else 1)
        raise
