"""Files that say who one is, and cannot be used."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from flowworker import ConnectionOptions, InvalidInput
from flowworker.jetstream.client.options import tls_of


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
