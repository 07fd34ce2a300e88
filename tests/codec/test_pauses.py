"""What operators send about queues, and what is kept of it."""

from __future__ import annotations

import pytest
from msgspec import ValidationError

from flowworker.codec.json import decode_pause, encode
from flowworker.codec.pauses import (
    NAMES,
    PAUSES,
    Pausable,
    PauseCommand,
    decode_pause_command,
    pause_key,
)
from flowworker.core.paused import Paused
from flowworker.core.standing import PauseRecord
from flowworker.errors import CorruptRecord, NewerRelease

RECORD = PauseRecord(at=1000.5, last="7@1000.500000", paused=Paused("down", "ops"), followed=True)


def test_what_is_read():
    assert decode_pause_command(b'{"reason":"down"}') == PauseCommand("down")
    assert decode_pause_command(b"{}") == PauseCommand()
    for body in (b'{"actor":"ops"}', b'{"reason":1}', b"[]"):
        with pytest.raises(ValidationError):
            decode_pause_command(body)


def test_the_prefix_of_a_subject_says_what_it_is_about():
    assert [one.removesuffix(".") for one in PAUSES] == list(Pausable)


@pytest.mark.parametrize(
    ("of", "name", "fits"),
    [
        (Pausable.QUEUE, "bank", True),
        (Pausable.QUEUE, "bank.eu", False),
        (Pausable.WORKFLOW, "order.fulfil", True),
        (Pausable.WORKFLOW, "order.", False),
    ],
)
def test_what_each_may_be_called(of, name, fits):
    assert (NAMES[of].fullmatch(name) is not None) is fits


def test_what_is_kept():
    key = pause_key(Pausable.QUEUE, "bank")
    assert key == "pause.queue.bank"
    assert decode_pause(key, encode(RECORD)) == RECORD
    with pytest.raises(CorruptRecord, match=r"pause\.queue\.bank"):
        decode_pause(key, b"{}")
    with pytest.raises(NewerRelease, match="in version 99"):
        decode_pause(key, encode(RECORD).replace(b'"last"', b'"v":99,"last"'))
