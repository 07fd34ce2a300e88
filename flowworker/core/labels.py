"""Labels of a run: names and values by which people find it again.

There are few and they are short, since the record and the first event of each run have them.
"""

from __future__ import annotations

__all__ = ["LABEL_KEY", "LABEL_VALUE", "MAX_LABELS", "MAX_LABEL_VALUE", "check_labels", "is_value"]

import re
from typing import TYPE_CHECKING, Any

from flowworker.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

LABEL_KEY = re.compile(r"[A-Za-z0-9_.-]{1,63}")
"""What a label is called."""

MAX_LABELS = 16
"""Labels of a run."""

MAX_LABEL_VALUE = 256
"""Characters of a value."""

LABEL_VALUE = f"a text of 1 to {MAX_LABEL_VALUE} printable characters without '\"'"
"""What a value is, for messages."""


def check_labels(labels: Mapping[str, Any]) -> dict[str, str]:
    """The same, sorted by name.

    Raises:
        InvalidInput: they are too many, or one is not what a label may be.
    """
    if len(labels) > MAX_LABELS:
        raise InvalidInput(f"expected at most {MAX_LABELS} labels, found {len(labels)}")
    for name, value in labels.items():
        if LABEL_KEY.fullmatch(name) is None:
            raise InvalidInput(
                "expected a label's name of 1 to 63 letters, digits, `_`, `.` and `-`, found "
                f"{name!r:.80}"
            )
        if not isinstance(value, str) or not is_value(value):
            raise InvalidInput(f"label {name}: expected {LABEL_VALUE}, found {value!r:.80}")
    return dict(sorted(labels.items()))


def is_value(text: str) -> bool:
    """Whether it can be a value, and a filter can ask for it."""
    return 1 <= len(text) <= MAX_LABEL_VALUE and text.isprintable() and '"' not in text
