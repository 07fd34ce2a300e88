"""What goes over the wire today is what was recorded of version 1: nothing more, nothing less."""

from __future__ import annotations

import pytest

from tests.recorded.forms import forms
from tests.recorded.record import heard
from tests.recorded.recording import RECORDINGS


@pytest.mark.slow
async def test_what_is_said_today_is_what_was_recorded():
    recorded = forms(RECORDINGS[-1].messages)

    today = forms(await heard())

    assert len(recorded) > 1000
    assert sorted(today - recorded) == []
    assert sorted(recorded - today) == []
