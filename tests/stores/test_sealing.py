"""Sealed payloads: they open for their run and place, and for no other."""

from __future__ import annotations

import json
import re
from itertools import product

import pytest
from msgspec.structs import replace

from flowworker.core.payload import EMPTY, Inline, Stored, inline
from flowworker.encryption import Keyring
from flowworker.errors import CorruptRecord, PayloadKeyMissing, PayloadTooLarge
from flowworker.settings import Settings
from flowworker.stores.payloads import PayloadStore
from flowworker.stores.sealing import ANSWER, INPUT, Sealing, output_place, output_places
from tests.support.backends import memory

KEYS = Keyring({"k2": bytes(32), "k1": bytes(range(32))})
SMALL, LARGE = b'{"card": "4111"}', json.dumps({"card": "4111" * 400_000}).encode()
SETTINGS = Settings()


def store(backend, codec=KEYS, namespace="ns", required=False):
    return PayloadStore(backend.payloads, SETTINGS, Sealing(codec, namespace, required=required))


@pytest.fixture
async def backend():
    async with memory() as backend:
        yield backend


async def kept(backend):
    return [await backend.payloads.read(key) for key in await backend.payloads.keys(">")]


@pytest.mark.parametrize("data", [SMALL, LARGE])
async def test_what_is_packed_is_sealed_and_can_be_loaded(backend, data):
    payload = await store(backend).pack("r1", "q", "x", data, place=INPUT)

    assert payload.sealed == "k2"
    assert isinstance(payload, Inline if data is SMALL else Stored)
    seen = [value for value, _ in await kept(backend)] + [bytes(getattr(payload, "data", b""))]
    assert not any(b"4111" in value or b"card" in value for value in seen)
    assert await store(backend).load(payload, "r1", INPUT) == data


@pytest.mark.parametrize("data", [SMALL, LARGE])
async def test_it_opens_in_its_own_place_alone(backend, data):
    payload = await store(backend).pack("r1", "q", "x", data, place=output_place("a"))

    places = (INPUT, ANSWER, output_place("b"))
    for run, place in [*product(["r2", "r1"], places), ("r2", output_place("a"))]:
        with pytest.raises(CorruptRecord, match="sealed with the key 'k2': it was sealed for ano"):
            await store(backend).load(payload, run, place)
    with pytest.raises(CorruptRecord):
        await store(backend, namespace="other").load(payload, "r1", output_place("a"))
    assert await store(backend).load(payload, "r1", *output_places("a")) == data


async def test_an_answer_may_stand_for_an_output(backend):
    payload = await store(backend).pack("r1", "q", "x", SMALL, place=ANSWER)

    assert await store(backend).load(payload, "r1", *output_places("a")) == SMALL


async def test_nothing_is_sealed_unless_asked_for(backend):
    plain = store(backend, None)

    payload = await plain.pack("r1", "q", "x", SMALL, place=INPUT)

    assert payload == inline(SMALL)
    assert await plain.load(payload, "r1", INPUT) == SMALL
    assert await plain.for_command("r1", INPUT, SMALL, 100) is None


async def test_who_has_no_key_hears_which(backend):
    payload = await store(backend).pack("r1", "q", "x", LARGE, place=INPUT)

    for codec, known in ((None, "none"), (Keyring({"k1": bytes(32)}), "k1")):
        with pytest.raises(PayloadKeyMissing, match=rf"the key 'k2', .*\(it has: {known}\)"):
            await store(backend, codec).load(payload, "r1", INPUT)


async def test_what_is_not_sealed_is_read_unless_sealing_is_required(backend):
    plain = await store(backend, None).pack("r1", "q", "x", LARGE, place=INPUT)

    assert await store(backend).load(plain, "r1", INPUT) == LARGE
    for payload in (plain, inline(SMALL)):
        with pytest.raises(CorruptRecord, match="it is not sealed, and require_sealed is set"):
            await store(backend, required=True).load(payload, "r1", INPUT)
    # What the engine itself puts where nothing was put out
    assert await store(backend, required=True).load(EMPTY, "r1", INPUT) == b"{}"


async def test_sealed_bytes_that_are_none(backend):
    for data in (b"1", b'"no base64!"', b'"AAAA"'):
        with pytest.raises(CorruptRecord, match="input of run r1: stored bytes cannot be read"):
            await store(backend).load(replace(inline(data), sealed="k2"), "r1", INPUT)


async def test_the_limit_is_on_what_users_give(backend):
    limit = SETTINGS.payload_limit
    made = store(backend)
    assert isinstance(
        await made.pack("r1", "q", "x", b'"%s"' % (b"x" * (limit - 2)), place=INPUT), Stored
    )
    with pytest.raises(PayloadTooLarge, match="exceed the limit"):
        await made.pack("r1", "q", "x", b'"%s"' % (b"x" * (limit - 1)), place=INPUT)


async def test_what_a_command_carries(backend):
    made = store(backend)
    small = await made.for_command("r1", ANSWER, SMALL, 1000)
    large = await made.for_command("r1", ANSWER, b'"%s"' % (b"x" * 800), 1000)

    assert isinstance(small, Inline)
    assert isinstance(large, Stored)
    assert re.fullmatch(r"r1\.upload\.\w{32}\.\w{16}", large.key)
    for payload in (small, large):
        assert payload.sealed == "k2"
        assert await made.load(payload, "r1", ANSWER)
