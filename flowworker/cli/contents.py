"""The commands, from the first that one needs to the last: where each stands, and what it does.

A module is imported when its command is asked for, so a command costs what it needs itself, and the
list of all of them costs nothing.
"""

from __future__ import annotations

__all__ = ["SECTIONS", "Listed"]

from typing import NamedTuple


class Listed(NamedTuple):
    """A command: `module:attribute` below `flowworker.cli`, and the first sentence of its help."""

    home: str
    line: str


SECTIONS = {
    "Processes": {
        "dev": Listed(
            "dev:dev",
            "Run a whole fleet on this machine: server, coordinator, workers, dashboard.",
        ),
        "server": Listed(
            "server:server", "Run a nats-server with JetStream on this machine, for development."
        ),
        "coordinator": Listed(
            "fleet:coordinator", "Take starts in and drive runs; start as many as you like."
        ),
        "worker": Listed("fleet:worker", "Run the handlers of an App; start as many as you like."),
        "ui": Listed("ui:ui", "Serve the API over HTTP: look at a fleet, and act on it."),
    },
    "Workflows": {
        "validate": Listed(
            "definitions:validate",
            "Check definitions, in files or all below directories, and print every problem.",
        ),
        "graph": Listed(
            "graph:graph", "Draw the workflows of a file, or of all files below a directory."
        ),
        "simulate": Listed(
            "simulate:simulate",
            "Run a workflow in many worlds in which workers die and messages get lost.",
        ),
        "register": Listed(
            "definitions:register", "Publish definitions to the fleet; active runs keep theirs."
        ),
    },
    "Runs": {
        "start": Listed(
            "runs:start",
            "Start a run of workflow NAME and print its id, or with --wait its result.",
        ),
        "status": Listed(
            "status:status", "Show a run and its steps, and the runs that these are; or one step."
        ),
        "why": Listed(
            "why:why", "Say what each step of a run waits for, and what to do if it waits for you."
        ),
        "list": Listed("finding:list_runs", "List runs, newest first: by when they were created."),
        "history": Listed("runs:history", "Show all events of a run, oldest first."),
        "watch": Listed(
            "watch:watch",
            "Show events as they happen: of one RUN from its start to its end, or of all.",
        ),
    },
    "Acts on runs": {
        "cancel": Listed(
            "act:cancel", "Stop runs, undo what they have completed, and end CANCELLED."
        ),
        "terminate": Listed("act:terminate", "Stop runs at once, without undoing anything."),
        "pause": Listed(
            "pausing:pause",
            "Pause runs, a queue or a workflow: nothing begins any more, and what runs ends.",
        ),
        "unpause": Listed("pausing:unpause", "Let runs, a queue or a workflow go on that pause."),
        "approve": Listed("act:approve", "Approve what a step of a run asks, or of several runs."),
        "reject": Listed(
            "act:reject", "Reject what a step of a run asks, or of several runs: the step fails."
        ),
        "resume": Listed(
            "act:resume",
            "Answer a step of a run that has failed and waits for a human, or of several runs.",
        ),
        "signal": Listed(
            "act:signal",
            "Send the signal NAME, with a payload, to a run; or to several, by --run or --where.",
        ),
        "rerun": Listed("reruns:rerun", "Do ended runs again, or a part of them, as new runs."),
        "retry": Listed("reruns:retry", "Do again what runs have not completed: `rerun --failed`."),
    },
    "Operation": {
        "schedule": Listed("schedules:schedule", "Have runs begin by themselves."),
        "limits": Listed(
            "limits:limits",
            "Say how many steps may be at work at a time, and how often one may begin.",
        ),
        "workers": Listed(
            "members:workers", "List the workers that are there, and what each serves."
        ),
        "coordinators": Listed(
            "members:coordinators",
            "List the coordinators that are there, and the partitions that each drives.",
        ),
        "pauses": Listed("pausing:pauses", "List the queues and workflows that pause, and why."),
        "doctor": Listed(
            "doctor:doctor",
            "Check the server, its streams, what waits in them, who works there, and the clocks.",
        ),
        "health": Listed(
            "probe:health", "Ask a coordinator or worker that serves HTTP whether it is well."
        ),
        "setup": Listed(
            "setup:setup", "Create a namespace, or bring one to what this release makes of it."
        ),
        "namespace": Listed(
            "namespaces:namespace",
            "Look at a server's namespaces, remove one, back one up, restore one.",
        ),
        "upgrade": Listed("upgrade:upgrade", "Compare this release with what a namespace has."),
    },
}
