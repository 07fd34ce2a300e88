"""Certificates, key pairs and credentials, made for one test."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import nkeys
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from nacl.signing import SigningKey

_PEM = serialization.Encoding.PEM


class Authority:
    """Signs certificates, each in a file of its folder with its key beside it."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.path = self._write(name, self._signed(name, self._key.public_key(), is_ca=True))

    def issue(self, name: str, *, host: str = "127.0.0.1") -> tuple[str, str]:
        """Paths of a certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        secret = key.private_bytes(
            _PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (self._folder / f"{name}.key").write_bytes(secret)
        path = self._write(name, self._signed(name, key.public_key(), host=host))
        return path, str(self._folder / f"{name}.key")

    def _write(self, name: str, certificate: x509.Certificate) -> str:
        path = self._folder / f"{name}.pem"
        path.write_bytes(certificate.public_bytes(_PEM))
        return str(path)

    def _signed(
        self, name: str, key: ec.EllipticCurvePublicKey, *, host: str = "", is_ca: bool = False
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        authority = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        builder = (
            x509.CertificateBuilder()
            .subject_name(_named(name))
            .issuer_name(_named(self._name))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority),
                critical=False,
            )
        )
        if is_ca:
            builder = builder.add_extension(_MAY_SIGN, critical=True)
        if host:
            address = x509.IPAddress(ipaddress.ip_address(host))
            names = x509.SubjectAlternativeName([address, x509.DNSName(name)])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self._key, hashes.SHA256())


_MAY_SIGN = x509.KeyUsage(
    digital_signature=True,
    key_cert_sign=True,
    crl_sign=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


class Key:
    """A key pair of an operator, an account or a user."""

    def __init__(self, kind: int) -> None:
        secret = bytes(SigningKey.generate())
        self.seed = nkeys.encode_seed(secret, kind)
        self._pair = nkeys.from_seed(self.seed)
        self.public = self._pair.public_key.decode()

    def token(self, name: str, subject: str, claims: dict[str, Any], **more: Any) -> str:
        """A JWT about somebody, signed by this key."""
        body = {"iss": self.public, "sub": subject, "name": name, "iat": 1, "nats": claims, **more}
        body["jti"] = hashlib.sha256(json.dumps(body).encode()).hexdigest()
        head = {"typ": "JWT", "alg": "ed25519-nkey"}
        signed = ".".join(_encoded(json.dumps(part).encode()) for part in (head, body))
        return f"{signed}.{_encoded(self._pair.sign(signed.encode()))}"


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


class Operator:
    """An operator with one account, whose users have files of credentials."""

    def __init__(self) -> None:
        self._key, self._account, system = map(
            Key, (nkeys.PREFIX_BYTE_OPERATOR, nkeys.PREFIX_BYTE_ACCOUNT, nkeys.PREFIX_BYTE_ACCOUNT)
        )
        names = ("subs", "conn", "leaf", "imports", "exports", "data", "payload")
        unlimited = {**dict.fromkeys(names, -1), "wildcards": True}
        jetstream = dict.fromkeys(("mem_storage", "disk_storage", "streams", "consumer"), -1)
        accounts = {
            one.public: self._key.token(
                name, one.public, {"type": "account", "version": 2, "limits": limits}
            )
            for name, one, limits in (
                ("shop", self._account, {**unlimited, **jetstream}),
                ("sys", system, unlimited),
            )
        }
        ours = {"type": "operator", "version": 2}
        self.config = (
            f"operator: {self._key.token('op', self._key.public, ours)}\n"
            f"system_account: {system.public}\nresolver: MEMORY\n"
            f"resolver_preload: {json.dumps(accounts)}"
        )

    def credentials(self, path: Path, **claims: Any) -> str:
        """The path of a user's file; `exp` is when it expires."""
        user = Key(nkeys.PREFIX_BYTE_USER)
        rights = {"type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1}
        token = self._account.token("me", user.public, rights, **claims)
        path.write_text(
            f"-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n"
            f"-----BEGIN USER NKEY SEED-----\n{user.seed.decode()}\n"
            "------END USER NKEY SEED------\n"
        )
        return str(path)
