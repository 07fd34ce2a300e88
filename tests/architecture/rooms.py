"""Who may know whom in flowworker/.

A room is a package or a module directly under flowworker/. A new one is entered in `KNOWS`, or
`tests/test_architecture.py` fails: where it belongs is a decision.
"""

from __future__ import annotations

ADAPTERS = {"memory", "jetstream", "redis"}
FLOOR = {
    "errors",
    "core",
    "expressions",
    "redaction",
    "schedules",
    "environment",
    "settings",
    "clock",
    "codec",
    "ports",
    "tasks",
    "retrying",
}
ENGINE = FLOOR | {"agreement", "encryption", "stores", "telemetry"}
BELOW_WIRING = (
    ENGINE
    | ADAPTERS
    | {*("compat", "definitions", "evaluation", "coordinator", "handlers", "worker", "client")}
    | {"acts", "embedded", "filters", "presence"}
)
COMPOSED = BELOW_WIRING | {"blocking", "builder", "wiring", "runner"}

# Each room, and the rooms it may import from, TYPE_CHECKING imports included.
KNOWS: dict[str, set[str]] = {
    "errors": set(),
    "core": {"errors"},
    "expressions": {"errors"},
    "redaction": set(),
    "schedules": {"errors", "core"},
    "environment": set(),
    "settings": {"errors", "core", "environment"},
    "clock": {"errors", "core"},
    "codec": {"errors", "core"},
    "tasks": {"clock"},
    "retrying": {"errors", "clock"},
    "ports": {"errors", "core", "clock", "codec"},
    "encryption": {"errors", "core", "codec", "settings", "ports"},
    "agreement": {"errors", "settings", "encryption"},
    "presence": FLOOR | {"telemetry"},
    "stores": FLOOR | {"agreement", "definitions", "encryption", "telemetry"},
    "compat": ENGINE,
    "telemetry": {"errors", "core", "clock", "codec", "ports", "redaction"},
    "definitions": {"errors", "core", "codec", "expressions", "redaction", "schedules"},
    "evaluation": {"errors", "core", "codec", "definitions", "expressions", "stores"},
    "coordinator": ENGINE | {"definitions", "evaluation"},
    "handlers": ENGINE | {"compat"},
    "worker": ENGINE | {"compat", "handlers"},
    "diagnosis": {"errors", "core"},
    "acts": set(),
    "filters": {"errors", "core"},
    "client": ENGINE | {"acts", "definitions", "evaluation", "diagnosis", "filters"},
    "memory": FLOOR,
    "jetstream": FLOOR | {"telemetry"},
    "redis": FLOOR | {"telemetry"},
    "drawing": {"errors", "core", "definitions"},
    "web": ENGINE | {"acts", "client", "definitions", "drawing"},
    "embedded": {"errors"},
    "wiring": BELOW_WIRING,
    "blocking": BELOW_WIRING | {"wiring"},
    "runner": BELOW_WIRING | {"wiring"},
    "builder": {"errors", "core", "codec", "definitions", "handlers"},
    "__init__": COMPOSED,
    "testing": COMPOSED | {"__init__"},
    "simulate": BELOW_WIRING | {"testing"},
    "cli": COMPOSED | {"__init__", "drawing", "simulate", "web"},
    "schemas": {"core", "codec", "definitions"},
    "__main__": {"cli"},
}

# The rooms within a room, lowest first, and which of its other modules each may import from. What
# stands beside them may import from all of them.
INNER: dict[str, dict[str, set[str]]] = {
    "coordinator": {
        "sizes": set(),
        "history": set(),
        "live": set(),
        "beginning": set(),
        "limits": {"beginning"},
        "results": {"sizes"},
        "retention": {"results"},
        "commands": {"history", "limits", "results", "retention"},
        "steps": {"commands", "limits"},
        "schedules": {"commands"},
        "performing": {"sizes", "history", "limits", "live", "retention", "steps"},
        "driving": {"commands", "history", "limits", "live", "performing", "steps"},
    },
    "jetstream": {
        "tokens": set(),
        "shards": {"tokens"},
        "names": {"tokens", "shards"},
        "client": set(),
        "topology": {"shards", "names", "client"},
        "consuming": {"names", "client", "topology"},
    },
}

# Libraries that one room has to itself.
RESERVED = {
    "nats": "jetstream",
    "redis": "redis",
    "cryptography": "encryption",
    "opentelemetry": "telemetry",
    "cel_expr_python": "expressions",
    "cronsim": "schedules",
    "starlette": "web",
    "uvicorn": "web",
}

# All that core/ may import from outside, so that it remains a pure function of its arguments.
PURE = {
    *("__future__", "abc", "bisect", "collections", "copy", "dataclasses", "datetime", "enum"),
    *(
        "difflib",
        "fractions",
        "functools",
        "graphlib",
        "hashlib",
        "heapq",
        "itertools",
        "math",
        "operator",
    ),
    *("re", "string", "textwrap", "types", "typing", "zlib"),
    *("immutables", "msgspec"),
}
