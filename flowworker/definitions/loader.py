"""The text of a file to trees, one per YAML document. JSON is YAML too."""

from __future__ import annotations

__all__ = ["load"]

import re
from typing import TYPE_CHECKING

import msgspec
import yaml
from yaml.reader import Reader

from flowworker.definitions.composer import Composer, Refused
from flowworker.definitions.document import MAX_BYTES
from flowworker.definitions.syntax import explained, lines_of
from flowworker.definitions.tree import NOWHERE, Mark

if TYPE_CHECKING:
    from flowworker.definitions.problems import Report
    from flowworker.definitions.tree import Node

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's parser, ten times as fast, where PyYAML was built with it."""

_PAIR = re.compile(
    r"(?<!\\)((?:\\\\)*)(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
)


def load(data: str | bytes, report: Report) -> list[Node]:
    """The trees of a file; a mistake that ends the reading leaves those before it."""
    composer = Composer(report)
    text = _text(data, report)
    report.lines = lines_of(text)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            composer.feed(event)
            if report.is_full:
                break
    except Refused as error:
        report.add(error.mark, str(error))
    except yaml.MarkedYAMLError as error:
        report.add(*explained(error, report.lines, composer.inside))
    except ValueError as error:  # the parser in Python on escapes such as \U00110000
        report.add(NOWHERE, f"not YAML: {error}")
    return composer.documents


def _text(data: str | bytes, report: Report) -> str:
    """The text if it is one that YAML allows and not too long; else nothing."""
    encoded = data.encode(errors="surrogatepass") if isinstance(data, str) else data
    if len(encoded) > MAX_BYTES:
        report.add(NOWHERE, f"too large: more than {MAX_BYTES:,} bytes")
        return ""
    try:
        text = encoded.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = encoded[: error.start].decode()
        report.add(_end_of(before), f"not UTF-8: byte 0x{encoded[error.start]:02x}")
        return ""
    if control := Reader.NON_PRINTABLE.search(text):
        before = text[: control.start()]
        report.add(_end_of(before), f"character {control[0]!r} is not allowed in YAML")
        return ""
    return _joined(text) if _PAIR.search(text) else text


def _joined(text: str) -> str:
    """JSON escapes a character such as an emoji as a pair of surrogates; YAML knows one escape."""
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text
    return _PAIR.sub(_as_one, text)


def _as_one(pair: re.Match[str]) -> str:
    character = msgspec.json.decode(f'"{pair[2]}"', type=str)
    return f"{pair[1]}\\U{ord(character):08x}"


def _end_of(text: str) -> Mark:
    *_, last = lines = lines_of(text)
    return Mark(len(lines), len(last) + 1)
