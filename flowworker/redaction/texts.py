"""Secret values as texts: how they may be written elsewhere, and their removal from there.

A value that is short is not looked for: `1234` stands in many texts that mean something else.
"""

from __future__ import annotations

__all__ = ["MARK", "SHORTEST", "Secrets", "Texts", "texts_in"]

import re
from json import dumps
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MARK = "«secret»"
"""What is shown in the place of a secret; in JSON a string."""

SHORTEST = 6
"""Characters of a secret that is looked for in texts."""

_HEAD = 16
"""Characters of a long secret that suffice to recognise it: texts are cut off."""

MOST = 1_000
"""Secrets of a run that are looked for. If there are more, nothing is shown of it at all."""


class Secrets(Struct, frozen=True, omit_defaults=True):
    """Secret values as texts.

    Attributes:
        texts: to be looked for, each of `SHORTEST` characters or more.
        more: there are more than can be looked for: everything is to be hidden.
    """

    texts: tuple[str, ...] = ()
    more: bool = False

    def __or__(self, other: Secrets) -> Secrets:
        """Those of both."""
        return limited((*self.texts, *other.texts), more=self.more or other.more)


def limited(texts: Iterable[str], *, more: bool = False) -> Secrets:
    """The texts once each, if these are not too many."""
    found = tuple(dict.fromkeys(texts))
    if more or len(found) > MOST:
        return Secrets(more=True)
    return Secrets(found)


def texts_in(value: Any) -> Iterator[str]:
    """The texts and numbers in a value, as texts that are long enough."""
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, dict):
            pending.extend(one.values())
        elif isinstance(one, list | tuple):
            pending.extend(one)
        else:
            text = text_of(one).strip()
            if len(text) >= SHORTEST:
                yield text


def text_of(value: Any) -> str:
    """A text, or a number as JSON writes it; empty for anything else."""
    if isinstance(value, str):
        return value
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return msgspec.json.encode(value).decode() if is_number else ""


class Texts:
    """Replaces secrets in texts."""

    def __init__(self, secrets: Secrets) -> None:
        """Look for those, in each of the forms in which they may be written."""
        forms = (form for text in secrets.texts for form in _forms(text))
        self._forms = _by_head(forms)
        self._more = secrets.more

    def within(self, text: str) -> Texts:
        """The same for parts of a text: only what begins in it, or in it as JSON, is looked for."""
        found = Texts(Secrets(more=self._more))
        found._forms = {
            head: forms
            for head, forms in self._forms.items()
            if head in text or _escaped(head) in text
        }
        return found

    def replaced(self, text: str) -> str:
        """The text with a mark in the place of each secret.

        Of one that is cut off as much is replaced as there is, if that is `_HEAD` characters.
        """
        if self._more:
            return MARK
        heads = [head for head in self._forms if head in text]
        if not heads:
            return text
        pattern, parts, at = re.compile("|".join(map(re.escape, heads))), [], 0
        while found := pattern.search(text, at):
            parts += [text[at : found.start()], MARK]
            at = max(_reach(form, text, found.start()) for form in self._forms[found[0]])
        return "".join([*parts, text[at:]])


def _by_head(forms: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The forms by what they begin with; of these the longest first."""
    found: dict[str, tuple[str, ...]] = {}
    for form in sorted(set(forms), key=lambda form: (-len(form[:_HEAD]), form)):
        head = form[:_HEAD]
        found[head] = (*found.get(head, ()), form)
    return found


def _reach(form: str, text: str, start: int) -> int:
    """Where a form ends that begins there in a text, or the text goes on otherwise."""
    length = len(form)
    if not text.startswith(form, start):
        pairs = zip(form, text[start : start + length], strict=False)
        length = next((at for at, (ours, its) in enumerate(pairs) if ours != its), length)
    return min(start + length, len(text))


def _forms(text: str) -> set[str]:
    """The text as it is, and as JSON, Python, a line and a URL write it."""
    forms = {text, _escaped(text), dumps(text)[1:-1], repr(text)[1:-1]}
    forms |= {" ".join(text.split()), quote(text, safe="", errors="replace")}
    return {form for form in forms if len(form) >= SHORTEST}


def _escaped(text: str) -> str:
    return dumps(text, ensure_ascii=False)[1:-1]
