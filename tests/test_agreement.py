"""Settings that must be equal over a fleet: agreed upon, compared, changed on purpose."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from flowworker import InvalidInput, Settings
from flowworker.agreement import ADDED, REFUSED, REPORTED, check, first, joined, renewed, seals

USUAL = Settings()
OTHER: dict[str, Any] = {
    "lease": 20.0,
    "partition_lease": 5.0,
    "retention": 60.0,
    "reply_prefixes": ("replies.",),
    "payload_limit": 5_000_000,
    "require_sealed": True,
    "inline_limit": 1_000,
    "message_limit": 8_000,
    "handler_grace": 60.0,
    "redact": ("*token*", "pin"),
}


@pytest.fixture
def keys(tmp_path):
    """Settings with keys of these ids; what they are follows from `secrets`, or else the ids."""

    def made(*ids, secrets=None, **settings):
        path = tmp_path / f"{'-'.join(ids)}{len(list(tmp_path.iterdir()))}"
        texts = (base64.b64encode(s.encode().ljust(32)).decode() for s in secrets or ids)
        path.write_text("".join(f"{a} {b}\n" for a, b in zip(ids, texts, strict=True)))
        return Settings(payload_keys=str(path), **settings)

    return made


def test_all_that_is_compared_is_tried():
    assert set(OTHER) == {*REFUSED, *REPORTED, *ADDED}


def test_equal_settings_say_nothing():
    assert first(USUAL) == ""
    assert check("", USUAL, member=True) == []
    other = Settings(lease=20.0, reply_prefixes=("a.", "b."))
    assert check(first(other), other, member=True) == []


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_do_harm_is_refused(keys, name):
    changed = keys("k", **{name: OTHER[name]})
    agreed = first(changed)

    with pytest.raises(InvalidInput, match=f"FLOWWORKER_{name.upper()}: .* here, .* in the fleet"):
        check(agreed, keys("k"), member=True)
    assert check(agreed, keys("k"), member=False) == []  # a client has its own


@pytest.mark.parametrize("name", REPORTED)
def test_what_does_none_is_reported(name):
    agreed = first(Settings(**{name: OTHER[name]}))

    [report] = check(agreed, USUAL, member=True)
    here, there = getattr(USUAL, name), OTHER[name]
    assert f"FLOWWORKER_{name.upper()}: {here} here, {there} in" in report


def test_what_the_fleet_hides_everybody_hides():
    agreed = first(Settings(redact=("*token*", "pin")))

    assert joined(agreed, USUAL) == Settings(redact=("*token*", "pin"))
    assert joined(agreed, Settings(redact=("pin", "iban"))).redact == ("*token*", "pin", "iban")
    assert joined("", Settings(redact=("iban",))).redact == ("iban",)
    assert check(agreed, USUAL, member=True) == []
    assert check(agreed, Settings(redact=("pin",)), member=True) == []
    [report] = check(agreed, Settings(redact=("iban",)), member=True)
    assert "FLOWWORKER_REDACT: *token*,pin,iban here, *token*,pin in the fleet" in report
    [report] = check("", Settings(redact=("iban",)), member=True)
    assert "FLOWWORKER_REDACT: iban here, the default in the fleet" in report


@pytest.mark.parametrize("damaged", ['"*token*"', '[[" ", 3, "pin"]]', "[3]", "[]"])
def test_what_a_person_has_written_wrong_hides_what_can_be_read_of_it(damaged):
    found = joined(f'{{"values": {{"redact": {damaged}}}}}', Settings(redact=("iban",)))

    assert found.redact in {("iban",), ("pin", "iban")}


def test_what_was_never_said_is_the_default_and_a_difference_is_reported():
    [report] = check("", Settings(lease=20.0), member=True)

    assert "FLOWWORKER_LEASE: 20.0 here, the default in the fleet" in report


def test_a_setting_is_changed_on_purpose_while_processes_run():
    old, new = Settings(lease=10.0), Settings(lease=20.0)
    agreed = renewed(first(old), new, {"lease"})

    # Processes of both values may start, and those of the old one say so
    assert check(agreed, new, member=True) == []
    [report] = check(agreed, old, member=True)
    assert "10.0 here, 20.0 in the fleet, where it was changed; restart this process" in report
    # The change after that ends it
    agreed = renewed(agreed, Settings(lease=40.0), {"lease"})
    with pytest.raises(InvalidInput, match=r"10\.0 here, 40.0 in the fleet"):
        check(agreed, old, member=True)


def test_what_setup_is_not_given_stays_and_twice_is_like_once():
    agreed = first(Settings(lease=10.0, retention=60.0))

    once = renewed(agreed, Settings(lease=20.0), {"lease"})
    assert renewed(once, Settings(lease=20.0), {"lease"}) == once
    assert renewed(once, USUAL, set()) == once
    check(once, Settings(lease=20.0, retention=60.0), member=True)


def test_a_default_can_be_agreed_upon():
    agreed = renewed("", USUAL, {"lease"})

    with pytest.raises(InvalidInput, match=r"LEASE: 20\.0 here, 30.0 in the fleet"):
        check(agreed, Settings(lease=20.0), member=True)


def test_a_fleet_that_seals_wants_its_keys(keys):
    agreed = first(keys("k1"))

    assert seals(agreed)
    assert not seals(first(USUAL))
    for settings, here in ((USUAL, "none"), (keys("k0"), "k0")):
        with pytest.raises(InvalidInput, match=rf"with the key 'k1', .*\(there is: {here}\)"):
            check(agreed, settings, member=True)
    assert check(agreed, USUAL, member=False) == []  # it may look
    for member in (True, False):
        with pytest.raises(InvalidInput, match="payload key 'k1': another key than the fleet has"):
            check(agreed, keys("k1", secrets=("other",)), member=member)


def test_keys_are_changed_step_by_step(keys):
    old, both, new = keys("k1"), keys("k1", "k2"), keys("k2", "k1")
    agreed = first(old)
    for before, after in ((old, both), (both, new), (new, keys("k2"))):
        assert check(agreed, before, member=True) == []
        agreed = renewed(agreed, after, {"payload_keys"})
        assert check(agreed, after, member=True) == []
        if before is not old:  # which lacks the key that seals once the next step is done
            assert check(agreed, before, member=True) == []
    with pytest.raises(InvalidInput, match="seals payloads with the key 'k2'"):
        check(agreed, old, member=True)


def test_keys_that_the_fleet_does_not_know_are_reported(keys):
    [report] = check("", keys("k1"), member=True)
    assert "payloads are sealed here, and not in the fleet" in report
    [report] = check(first(keys("k1")), keys("k2", "k1"), member=True)
    assert "sealed here with the key 'k2', which the fleet lacks" in report


def test_what_a_person_wrote_wrongly_is_as_if_it_were_not_there():
    assert check('{"values": 7}', USUAL, member=True) == []
    assert check("{", USUAL, member=True) == []
