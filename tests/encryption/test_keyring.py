"""Sealing with the keys of a file: what opens, and what does not."""

from __future__ import annotations

import base64
import re
import sys

import pytest

from flowworker.encryption import Keyring, read_keys
from flowworker.errors import InvalidInput, PayloadKeyMissing

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
ABOUT = b"this"


async def test_what_was_sealed_opens_with_its_key_and_in_its_place():
    keys = Keyring({"new": NEW, "old": OLD})

    for data in (b"", b"{}", b"x" * 1_000_000):
        key, sealed = await keys.seal(data, ABOUT)
        assert key == "new"
        assert await keys.open(key, sealed, ABOUT) == data


async def test_the_same_looks_different_each_time_and_does_not_show():
    keys = Keyring({"new": NEW})

    (_, one), (_, other) = [await keys.seal(b"secret" * 10, ABOUT) for _ in range(2)]

    assert one != other
    assert b"secret" not in one


async def test_keys_are_rotated_by_adding_one_before_the_others():
    _, sealed = await Keyring({"old": OLD}).seal(b"1", ABOUT)

    assert await Keyring({"new": NEW, "old": OLD}).open("old", sealed, ABOUT) == b"1"
    with pytest.raises(PayloadKeyMissing, match=r"the key 'old', which.*\(it has: new\)") as caught:
        await Keyring({"new": NEW}).open("old", sealed, ABOUT)
    assert caught.value.key == "old"


@pytest.mark.parametrize("at", [0, 1, 13, 20, -1])
async def test_one_changed_bit_is_noticed(at):
    keys = Keyring({"new": NEW})
    key, sealed = await keys.seal(b"some value", ABOUT)
    changed = bytearray(sealed)
    changed[at] ^= 1

    with pytest.raises(ValueError, match="it "):
        await keys.open(key, bytes(changed), ABOUT)


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01" + b"x" * 12, b"\x01" + b"x" * 20])
async def test_what_is_too_short_is_noticed(sealed):
    with pytest.raises(ValueError, match="it "):
        await Keyring({"new": NEW}).open("new", sealed, ABOUT)


async def test_another_place_and_another_key_of_the_id_are_noticed():
    key, sealed = await Keyring({"k": NEW}).seal(b"1", ABOUT)

    with pytest.raises(ValueError, match="sealed for another place, or by another key"):
        await Keyring({"k": NEW}).open(key, sealed, b"that")
    with pytest.raises(ValueError, match="sealed for another place, or by another key"):
        await Keyring({"k": OLD}).open(key, sealed, ABOUT)


def test_fingerprints_tell_keys_apart_and_do_not_show_them():
    one, other = Keyring({"k": NEW, "o": OLD}), Keyring({"k": OLD})

    assert list(one.fingerprints()) == ["k", "o"]
    assert one.fingerprints()["k"] != other.fingerprints()["k"] == one.fingerprints()["o"]
    assert all(re.fullmatch(r"[0-9a-f]{16}", shown) for shown in one.fingerprints().values())
    assert NEW.hex()[:8] not in str(one.fingerprints())


def test_a_file_of_keys(tmp_path):
    path = tmp_path / "keys"
    texts = [base64.b64encode(key).decode() for key in (NEW, OLD)]
    path.write_text(f"# ours\n2026-11 {texts[0]}\n\n2026-05   {texts[1]}  \n")

    assert read_keys(path) == {"2026-11": NEW, "2026-05": OLD}
    assert next(iter(read_keys(path))) == "2026-11"


SECRET = base64.b64encode(NEW).decode()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected at least one line `id key`; make one with `openssl rand -base64 32`"),
        ("# only this", "expected at least one line"),
        (SECRET, r"keys:1: expected an id of letters, digits, `_` and `-`, a space, and 32 bytes"),
        (f"a.b {SECRET}", "keys:1: expected an id"),
        ("a c2hvcnQ=", "keys:1: expected an id"),
        ("a ====", "keys:1: expected an id"),
        (f"\na {SECRET}\na {SECRET}", "keys:3: the id 'a' is there twice"),
    ],
)
def test_a_file_that_is_none(tmp_path, text, said):
    path = tmp_path / "keys"
    path.write_text(text)

    with pytest.raises(InvalidInput, match=said) as caught:
        read_keys(path)
    assert "\n" not in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(InvalidInput, match=f"payload_keys: {tmp_path}/none: No such file"):
        read_keys(tmp_path / "none")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidInput, match="it is not text"):
        read_keys(tmp_path / "binary")


def test_without_the_extra_it_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)

    with pytest.raises(InvalidInput, match=r"pip install 'flowworker\[crypto\]'"):
        Keyring({"k": NEW})
