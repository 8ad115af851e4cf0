"""The issuer list as a file: what it may say, and how it is refused without quoting a secret."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from connectors.key_sets import parse_key_set
from schemas.errors import ClaimsUnverified, ConfigurationError
from tests.support.claims import SECRET_A, admit, issuers_in, signed_record

ENTRY: dict[str, Any] = {
    "name": "crm",
    "keys": [{"kid": "a-1", "algorithm": "HS256", "secret": SECRET_A}],
    "tenants": ["tenant-a"],
    "permissions": ["processing_activity.read"],
    "topics": ["veriaidpo.requests.*"],
    "reply_topics": ["veriaidpo.replies.crm"],
}


def _write(folder: Path, *entries: dict[str, Any]) -> Path:
    path = folder / "issuers.json"
    path.write_text(json.dumps({"issuers": entries}))
    return path


async def test_a_listed_issuer_signs_records_that_are_admitted(tmp_path: Path) -> None:
    admit(signed_record(), await issuers_in(_write(tmp_path, ENTRY)))


async def test_a_keys_window_is_read_as_moments_in_time(tmp_path: Path) -> None:
    key = {**ENTRY["keys"][0], "not_before": "2026-01-01T07:00:00+07:00", "not_after": "2026-02-01T00:00:00Z"}
    issuers = await issuers_in(_write(tmp_path, {**ENTRY, "keys": [key]}))
    january_ms, february_ms = 1_767_225_600_000, 1_769_904_000_000

    assert issuers.key("crm", "a-1", january_ms).kid == "a-1"
    for outside_ms in (january_ms - 1, february_ms):
        with pytest.raises(ClaimsUnverified):
            issuers.key("crm", "a-1", outside_ms)


async def test_keys_may_be_in_files_beside_the_list(tmp_path: Path) -> None:
    public = Ed25519PrivateKey.generate().public_key()
    (tmp_path / "crm.pem").write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    (tmp_path / "secret").write_text(SECRET_A + "\n")
    keys = [
        {"kid": "a-1", "algorithm": "HS256", "secret_file": "secret"},
        {"kid": "p-1", "algorithm": "EdDSA", "public_key_file": "crm.pem"},
    ]
    issuers = await issuers_in(_write(tmp_path, {**ENTRY, "keys": keys}))

    admit(signed_record(), issuers)
    assert issuers.key("crm", "p-1", 0).algorithm == "EdDSA"


async def test_a_key_set_may_be_a_file_beside_the_list(tmp_path: Path) -> None:
    (tmp_path / "jwks.json").write_bytes(key_set(("p-1", Ed25519PrivateKey.generate().public_key())))
    entry = {**ENTRY, "keys": [], "jwks": {"file": "jwks.json", "algorithm": "EdDSA"}}

    assert (await issuers_in(_write(tmp_path, entry))).key("crm", "p-1", 0).kid == "p-1"


@pytest.mark.parametrize(
    "changes",
    [
        {"keys": []},
        {"name": ""},
        {"tenant": ["typo"]},
        {"tenants": "tenant-a"},
        {"keys": [{"kid": "k", "algorithm": "none", "secret": SECRET_A}]},
        {"keys": [{"kid": "k", "algorithm": "HS256"}]},
        {"keys": [{"kid": "k", "algorithm": "HS256", "public_key": SECRET_A}]},
        {"keys": [{"kid": "k", "algorithm": "EdDSA", "secret": SECRET_A}]},
        {"keys": [{"kid": "k", "algorithm": "EdDSA", "public_key": SECRET_A}]},
        {
            "keys": [
                {"kid": "k", "algorithm": "HS256", "secret": SECRET_A, "not_after": "2026-01-01T00:00:00"}
            ]
        },
        {"keys": [{"kid": "k", "algorithm": "HS256", "secret": "aaaa-too-short"}]},
        {"keys": [{"kid": "k", "algorithm": "HS256", "secret_file": "missing"}]},
        {"jwks": {"algorithm": "EdDSA"}},
        {"jwks": {"url": "http://keys.example.vn/jwks", "algorithm": "EdDSA"}},
        {"jwks": {"url": "file:///etc/passwd", "algorithm": "EdDSA"}},
        {"jwks": {"url": "https://keys.example.vn", "algorithm": "HS256"}},
        {"jwks": {"file": "missing.json", "algorithm": "RS256"}},
    ],
)
async def test_a_list_that_says_something_else_is_refused_without_quoting_it(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        await issuers_in(_write(tmp_path, {**ENTRY, **changes}))

    shown = str(caught.value) + repr(caught.value) + str(caught.value.__cause__ or "")
    assert SECRET_A not in shown
    assert "aaaa-too-short" not in shown


@pytest.mark.parametrize("content", ["", "{", "[]", '{"issuers": 3}', "\x00"])
async def test_a_file_that_is_no_list_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "issuers.json"
    path.write_text(content)

    with pytest.raises(ConfigurationError, match=r"issuers\.json"):
        await issuers_in(path)
    with pytest.raises(ConfigurationError, match="can't be read"):
        await issuers_in(tmp_path / "missing.json")


def test_of_a_key_set_only_fitting_public_keys_with_an_id_are_taken() -> None:
    good = Ed25519PrivateKey.generate().public_key()
    document = json.loads(key_set(("good", good), ("rsa", generate_private_key(65537, 2048).public_key())))
    weak = generate_private_key(65537, 1024).public_key()  # noqa: S505 - that it is weak is the point
    document["keys"] += [
        {"kty": "oct", "kid": "secret", "k": "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE", "alg": "HS256"},
        {**_jwk("encryption", good), "use": "enc"},
        {name: value for name, value in _jwk("x", good).items() if name != "kid"},
        {"kty": "unheard of", "kid": "z"},
        "nonsense",
    ]
    body = json.dumps(document).encode()

    assert [key.kid for key in parse_key_set(body, algorithm="EdDSA")] == ["good"]
    assert [key.kid for key in parse_key_set(body, algorithm="RS256")] == ["rsa"]
    with pytest.raises(ValueError, match="no public key"):
        parse_key_set(key_set(("weak", weak)), algorithm="RS256")


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"keys": 3}', b'{"keys": []}', b"[" * 100_000, b"x" * 2_000_000]
)
def test_what_is_no_key_set_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_key_set(body, algorithm="EdDSA")


def key_set(*keys: tuple[str, Any]) -> bytes:
    return json.dumps({"keys": [_jwk(kid, key) for kid, key in keys]}).encode()


def _jwk(kid: str, key: Any) -> dict[str, Any]:
    is_rsa = hasattr(key, "key_size")
    kind = jwt.algorithms.RSAAlgorithm if is_rsa else jwt.algorithms.OKPAlgorithm
    return {**kind.to_jwk(key, as_dict=True), "kid": kid, "use": "sig"}
