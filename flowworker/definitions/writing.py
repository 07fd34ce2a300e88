"""A workflow as the text of a file: what `parse` reads again as the same workflow."""

from __future__ import annotations

__all__ = ["to_yaml"]

from typing import TYPE_CHECKING, Any

import msgspec
import yaml

from flowworker.definitions.content import encode

if TYPE_CHECKING:
    from flowworker.core.model import Workflow

_FIRST = ("name", "id", "version", "description", "uses", "depends_on")
"""Keys that people look for first; `steps` and `finally` come last."""
_LAST = ("steps", "finally")


class _Dumper(yaml.SafeDumper):
    """Quotes what would be read as something else.

    What cannot be seen may be a line's end, and a text that begins like a number may be one.
    """


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    is_plain = text.replace("\n", "").isprintable() and text[:1] not in set("0123456789+-.")
    style = None if is_plain else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def to_yaml(workflow: Workflow) -> str:
    """The text of a file with that workflow; durations are numbers of seconds.

    Raises:
        DefinitionError: the workflow was built by hand, from values of other types than declared.
    """
    document = msgspec.json.decode(encode(workflow))
    for steps in _LAST:
        if steps in document:
            document[steps] = [_in_order(step) for step in document[steps]]
    text: str = yaml.dump(
        _in_order(document), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100
    )
    return text


def _in_order(document: dict[str, Any]) -> dict[str, Any]:
    rest = sorted(key for key in document if key not in _FIRST and key not in _LAST)
    return {key: document[key] for key in (*_FIRST, *rest, *_LAST) if key in document}
