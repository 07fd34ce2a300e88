"""The fleet and the server of the API's other tests."""

from __future__ import annotations

from integration.web.conftest import api, commands, tokens

__all__ = ["api", "commands", "tokens"]
