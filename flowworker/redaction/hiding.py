"""A value and rules -> the value that is shown.

A value is hidden where its schema says that it is secret, or its field has a name that the rules
have; and a text is hidden wherever it stands, in longer texts and names of fields too, if it is one
of the secrets that are known. Null hides nothing. What is nested too deep, or too large to be
looked at, is hidden as a whole: in doubt nothing is shown.
"""

from __future__ import annotations

__all__ = ["Hider", "Rules", "hidden", "hidden_text", "secrets_of"]

from typing import Any

import msgspec
from msgspec import Struct

from flowworker.redaction.names import Names
from flowworker.redaction.schemas import SECRET, Places, Schemas
from flowworker.redaction.texts import MARK, Secrets, Texts, limited, text_of, texts_in

_MOST = 5_000_000
"""Parts of a value, each counted once for each schema that holds for it, that are looked at."""


class Rules(Struct, frozen=True):
    """What is secret.

    Attributes:
        names: globs of names of fields, at any depth.
        schema: the JSON Schema of the value; None for one that says of nothing that it is secret.
        secrets: what is hidden wherever it stands.
    """

    names: tuple[str, ...] = ()
    schema: Any = None
    secrets: Secrets = Secrets()

    def __bool__(self) -> bool:
        """Whether anything can be hidden by them."""
        some = self.names or self.secrets.texts or self.secrets.more
        return bool(some) or Places(self.schema).top != ()


def hidden(value: Any, rules: Rules) -> Any:
    """A JSON value as it is shown; itself if nothing in it is secret. It is not changed."""
    return Hider(rules).value(value)


def hidden_text(text: str, secrets: Secrets) -> str:
    """A text with a mark in the place of each secret."""
    return Texts(secrets).replaced(text)


def secrets_of(value: Any, rules: Rules) -> Secrets | None:
    """What is hidden in a JSON value by its schema and by names, as texts.

    None if nothing is; what is too short to be looked for elsewhere is no text of them.
    """
    hiding = _Hiding(Rules(rules.names, rules.schema), value, Texts(Secrets()))
    hiding.shown()
    return hiding.found


class Hider:
    """The same rules for many values and texts."""

    def __init__(self, rules: Rules) -> None:
        """Hide by these."""
        self.rules = rules
        self._texts = Texts(rules.secrets)
        self._is_idle = not rules

    def text(self, text: str) -> str:
        """As `hidden_text`."""
        return self._texts.replaced(text)

    def value(self, value: Any) -> Any:
        """As `hidden`."""
        return value if self._is_idle else _Hiding(self.rules, value, self._texts).shown()


class _Hiding:
    """One value."""

    def __init__(self, rules: Rules, value: Any, texts: Texts) -> None:
        self._value = value
        self._names = Names(rules.names)
        self._places = Places(rules.schema)
        self._texts = texts
        self._hides_all = rules.secrets.more
        self._left = _MOST
        self.found: Secrets | None = None

    def shown(self) -> Any:
        if self._hides_all:
            return MARK
        try:
            written = msgspec.json.encode(self._value).decode()
            self._texts = self._texts.within(written)
            return self._shown(self._value, self._places.top)
        except (RecursionError, ValueError):  # it is nested too deep
            self.found = Secrets(more=True)
            return MARK

    def _shown(self, value: Any, schemas: Schemas) -> Any:
        self._left -= 1 + len(schemas)
        if value is None:
            return None
        if self._left < 0 or any(schema.get(SECRET) is True for schema in schemas):
            return self._hide(value)
        if isinstance(value, dict):
            shown = {
                self._texts.replaced(name): self._field(name, part, schemas)
                for name, part in value.items()
            }
            same = shown.keys() == value.keys()
            same = same and all(shown[name] is part for name, part in value.items())
            return value if same else shown
        if isinstance(value, list | tuple):
            items = [
                self._shown(item, self._places.item(schemas, index) if schemas else ())
                for index, item in enumerate(value)
            ]
            same = all(new is old for new, old in zip(items, value, strict=True))
            return value if same else items
        return self._scalar(value)

    def _field(self, name: str, value: Any, schemas: Schemas) -> Any:
        if value is not None and name in self._names:
            return self._hide(value)
        return self._shown(value, self._places.field(schemas, name) if schemas else ())

    def _hide(self, value: Any) -> str:
        more = limited(texts_in(value))
        self.found = more if self.found is None else self.found | more
        return MARK

    def _scalar(self, value: Any) -> Any:
        text = text_of(value)
        replaced = self._texts.replaced(text)
        if replaced == text:
            return value
        return replaced if isinstance(value, str) else MARK
