"""What is secret in a value, and the value as people may see it. Pure.

schemas     what `secret: true` in a JSON Schema means for the value below it
names       globs of the names of fields
texts       the texts that secret values are found again by, and their removal
hiding      all three: a value and rules -> the value that is shown, and what was hidden in it

It keeps secrets from eyes, not from readers with rights: values are stored whole.
"""

from __future__ import annotations

__all__ = [
    "MARK",
    "SECRET",
    "Hider",
    "Rules",
    "Secrets",
    "hidden",
    "hidden_text",
    "is_secret_at",
    "mentions_secret",
    "misplaced",
    "secrets_of",
]

from flowworker.redaction.hiding import Hider, Rules, hidden, hidden_text, secrets_of
from flowworker.redaction.schemas import SECRET, is_secret_at, mentions_secret, misplaced
from flowworker.redaction.texts import MARK, Secrets
