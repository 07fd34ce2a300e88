"""Which codec the settings ask for, and what is said of one that cannot be used."""

from __future__ import annotations

import base64

import pytest

from flowworker import InvalidInput, Settings
from flowworker.encryption import Keyring, codec_from
from flowworker.settings import settings_from

MODULE = """
class Codec:
    async def seal(self, data, about): ...
    async def open(self, key, sealed, about): ...
    def fingerprints(self):
        return {"kms-1": "f"}

def mistaken():
    return "kms-1"

def broken():
    raise RuntimeError("no KMS today")
"""


@pytest.fixture
def keys(tmp_path):
    path = tmp_path / "keys"
    path.write_text(f"k1 {base64.b64encode(bytes(32)).decode()}\n")
    return str(path)


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "our_kms.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", ["", *__import__("sys").path])


def test_unless_asked_for_there_is_none():
    assert codec_from(Settings()) is None


def test_a_file_of_keys(keys):
    found = codec_from(settings_from({"FLOWWORKER_PAYLOAD_KEYS": keys}))

    assert isinstance(found, Keyring)
    assert list(found.fingerprints()) == ["k1"]


@pytest.mark.usefixtures("module")
def test_a_codec_of_the_users_own():
    found = codec_from(settings_from({"FLOWWORKER_PAYLOAD_CODEC": "our_kms:Codec"}))

    assert found is not None
    assert found.fingerprints() == {"kms-1": "f"}


@pytest.mark.usefixtures("module")
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("nowhere:codec", "ModuleNotFoundError: No module named 'nowhere'"),
        ("our_kms:Other", "AttributeError"),
        ("our_kms", "AttributeError"),
        ("our_kms:mistaken", "AttributeError: 'str' object has no attribute 'seal'"),
        ("our_kms:broken", "RuntimeError: no KMS today"),
    ],
)
def test_a_codec_that_cannot_be_had(name, why):
    with pytest.raises(InvalidInput, match=f"payload_codec='{name}': expected.*; .*{why}"):
        codec_from(Settings(payload_codec=name))


def test_settings_that_contradict_each_other():
    with pytest.raises(InvalidInput, match="payload_keys and payload_codec: expected one"):
        Settings(payload_keys="a", payload_codec="b:c")
    with pytest.raises(InvalidInput, match="require_sealed: expected payload_keys or payload_"):
        Settings(require_sealed=True)
    with pytest.raises(InvalidInput, match="FLOWWORKER_REQUIRE_SEALED='maybe': expected true or f"):
        settings_from({"FLOWWORKER_REQUIRE_SEALED": "maybe"})
    given = {"FLOWWORKER_REQUIRE_SEALED": "true", "FLOWWORKER_PAYLOAD_KEYS": "keys"}
    assert settings_from(given).require_sealed
