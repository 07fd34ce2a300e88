"""The patterns of other engines in `examples/patterns`, each to be run by a test."""

from __future__ import annotations

from pathlib import Path

from flowworker import App
from flowworker.testing import WorkflowTest, returns
from flowworker.testing.reading import handlers_of

FOLDER = Path(__file__).parents[2] / "examples" / "patterns"


class Pattern(WorkflowTest):
    """The pattern in the file of that name."""

    def __init__(self, name, **handlers):
        """With these handlers; all others return an empty object."""
        super().__init__(App(), FOLDER / f"{name}.yaml")
        used = [handlers_of(one) for one in self._workflows.values()]
        self._handlers = dict.fromkeys(set().union(*used), returns({})) | handlers

    def __enter__(self):
        """Put the handlers in their places."""
        super().__enter__()
        try:
            for handler, by in self._handlers.items():
                self.replace(handler, by)
        except BaseException:
            self.__exit__()
            raise
        return self

    @property
    def ran(self):
        """The steps whose handlers were called, in their order."""
        return [call.step_id for call in self.calls()]

    def given(self, handler):
        """What each call of a handler got."""
        return [call.input for call in self.calls(handler)]
