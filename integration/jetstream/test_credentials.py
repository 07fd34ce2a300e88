"""The ways to prove who one is, against servers that insist on it."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import nkeys
import pytest
from nacl.signing import SigningKey

from flowworker import ConnectionOptions, InvalidInput, connect
from flowworker.embedded import EmbeddedServer
from flowworker.jetstream.client.options import tls_of


class Key:
    """A key pair of an operator, an account or a user."""

    def __init__(self, kind: int) -> None:
        secret = bytes(SigningKey.generate())
        self.seed = nkeys.encode_seed(secret, kind)
        self._pair = nkeys.from_seed(self.seed)
        self.public = self._pair.public_key.decode()

    def token(self, name: str, subject: str, claims: dict[str, Any]) -> str:
        """A JWT about somebody, signed by this key."""
        body = {"iss": self.public, "sub": subject, "name": name, "iat": 1, "nats": claims}
        body["jti"] = hashlib.sha256(json.dumps(body).encode()).hexdigest()
        head = {"typ": "JWT", "alg": "ed25519-nkey"}
        signed = ".".join(encoded(json.dumps(part).encode()) for part in (head, body))
        return f"{signed}.{encoded(self._pair.sign(signed.encode()))}"


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


async def test_a_file_with_an_nkey_lets_in(tmp_path: Path) -> None:
    key = Key(nkeys.PREFIX_BYTE_USER)
    (tmp_path / "seed").write_bytes(key.seed)
    config = f"authorization {{users: [{{nkey: {key.public}}}]}}"

    with EmbeddedServer(store=tmp_path / "data", config=config) as server:
        async with connect(server.url, nkey=str(tmp_path / "seed"), create=True) as client:
            assert await client.list() == []


async def test_a_file_of_credentials_lets_in(tmp_path: Path) -> None:
    operator, account, user = map(
        Key, (nkeys.PREFIX_BYTE_OPERATOR, nkeys.PREFIX_BYTE_ACCOUNT, nkeys.PREFIX_BYTE_USER)
    )
    system = Key(nkeys.PREFIX_BYTE_ACCOUNT)
    names = ("subs", "conn", "leaf", "imports", "exports", "data", "payload")
    unlimited = {**dict.fromkeys(names, -1), "wildcards": True}
    jetstream = dict.fromkeys(("mem_storage", "disk_storage", "streams", "consumer"), -1)
    ours = operator.token("op", operator.public, {"type": "operator", "version": 2})
    accounts = {
        one.public: operator.token(
            name, one.public, {"type": "account", "version": 2, "limits": limits}
        )
        for name, one, limits in (
            ("shop", account, {**unlimited, **jetstream}),
            ("sys", system, unlimited),
        )
    }
    claims = {"type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1}
    token = account.token("me", user.public, claims)
    (tmp_path / "me.creds").write_text(
        f"-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{user.seed.decode()}\n------END USER NKEY SEED------\n"
    )
    config = (
        f"operator: {ours}\nsystem_account: {system.public}\nresolver: MEMORY\n"
        f"resolver_preload: {json.dumps(accounts)}"
    )

    with EmbeddedServer(store=tmp_path / "data", config=config) as server:
        creds = str(tmp_path / "me.creds")
        async with connect(server.url, creds=creds, create=True) as client:
            assert await client.list() == []


def test_a_key_with_a_passphrase_is_refused(tmp_path: Path) -> None:
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-subj", "/CN=me"),
            *("-passout", "pass:secret", "-keyout", str(key), "-out", str(cert)),
        ],
        check=True,
        capture_output=True,
    )

    with pytest.raises(InvalidInput, match=f"{key}: the key is encrypted"):
        tls_of(ConnectionOptions(tls_cert=str(cert), tls_key=str(key)))
