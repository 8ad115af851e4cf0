"""Which tokens count as signed: keys, algorithms, types, windows."""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.claims import IssuerList, SigningKey, VerifyingKey, mint_bearer, verify_signature
from schemas.claims.jws import read_compact
from schemas.errors import ClaimsUnverified, ConfigurationError, UnknownKey
from tests.support.claims import KEY_A, NOW_MS, NOW_S, SECRET_A, SECRET_B, issuer, issuers, token

VALUE = b"value"


def test_a_bearer_token_is_refused_as_an_event_token_even_under_the_same_key() -> None:
    bearer = mint_bearer(
        secret=SECRET_A, subject="u", role="dpo", tenant_id="tenant-a", permissions=[], now_s=NOW_S
    )
    dressed = jwt.encode({**_claims(), "iss": "crm"}, SECRET_A, "HS256", headers={"typ": "JWT", "kid": "a-1"})

    for one in (bearer, dressed):
        with pytest.raises(ClaimsUnverified, match="type"):
            _verify(one)


def test_two_keys_are_live_during_a_rotation() -> None:
    trusted = issuers(
        issuer(
            "crm",
            VerifyingKey("a-1", "HS256", SECRET_A, not_after_ms=NOW_MS + 3_600_000),
            VerifyingKey("a-2", "HS256", SECRET_B, not_before_ms=NOW_MS - 3_600_000),
        )
    )
    new = SigningKey("crm", "a-2", "HS256", SECRET_B)

    assert _verify(token(VALUE), trusted).issuer == "crm"
    assert _verify(token(VALUE, signing_key=new), trusted).issuer == "crm"


@pytest.mark.parametrize(
    ("append_time_ms", "valid"), [(999, False), (1000, True), (1999, True), (2000, False)]
)
def test_a_key_is_good_only_for_records_appended_inside_its_window(append_time_ms: int, valid: bool) -> None:
    key = VerifyingKey("a-1", "HS256", SECRET_A, not_before_ms=1000, not_after_ms=2000)
    trusted = issuers(issuer("crm", key))

    if valid:
        verify_signature(token(VALUE), trusted, append_time_ms=append_time_ms)
    else:
        with pytest.raises(ClaimsUnverified, match="wasn't valid"):
            verify_signature(token(VALUE), trusted, append_time_ms=append_time_ms)


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", ""])
def test_alg_none_is_never_a_signature(algorithm: str) -> None:
    header, payload, signature = token(VALUE).split(".")
    unsigned = _segment({"typ": "veriaidpo-event+jwt", "kid": "a-1", "alg": algorithm})

    for forged in (f"{unsigned}.{payload}.", f"{unsigned}.{payload}.{signature}", f"{header}.{payload}."):
        with pytest.raises(ClaimsUnverified):
            _verify(forged)


def test_a_public_key_is_no_secret_for_an_hmac() -> None:
    private = Ed25519PrivateKey.generate()
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    trusted = issuers(issuer("crm", VerifyingKey("a-1", "EdDSA", pem)))
    signing_input = ".".join(
        (_segment({"typ": "veriaidpo-event+jwt", "kid": "a-1", "alg": "HS256"}), _segment(_claims()))
    ).encode()
    signature = urlsafe_b64encode(hmac.digest(pem, signing_input, "sha256")).rstrip(b"=")

    with pytest.raises(ClaimsUnverified, match="algorithm"):
        _verify((signing_input + b"." + signature).decode(), trusted)
    with pytest.raises(ConfigurationError):
        VerifyingKey("a-1", "HS256", pem)


@pytest.mark.parametrize("algorithm", ["RS256", "EdDSA"])
def test_public_keys_verify_what_their_private_keys_signed(algorithm: str) -> None:
    private: Any = generate_private_key(65537, 2048) if algorithm == "RS256" else Ed25519PrivateKey.generate()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    trusted = issuers(issuer("crm", VerifyingKey("p-1", algorithm, private.public_key())))
    signed = token(VALUE, signing_key=SigningKey("crm", "p-1", algorithm, pem))

    assert _verify(signed, trusted).tenant_id == "tenant-a"
    head, _, signature = signed.rpartition(".")
    for broken in (f"{head}.{signature[:-8]}", f"{head}.", f"{head}.{'A' * len(signature)}"):
        with pytest.raises(ClaimsUnverified):
            _verify(broken, trusted)


def test_an_unknown_key_id_is_told_apart_from_a_wrong_signature() -> None:
    with pytest.raises(UnknownKey) as caught:
        _verify(token(VALUE, signing_key=SigningKey("crm", "a-9", "HS256", SECRET_A)))

    assert caught.value.details["issuer"] == "crm"
    assert caught.value.details["kid"] == "a-9"
    assert caught.value.code == "CLAIMS_UNVERIFIED"


def test_an_unknown_issuer_is_unverified() -> None:
    with pytest.raises(ClaimsUnverified, match="issuer list") as caught:
        _verify(token(VALUE, signing_key=SigningKey("nobody", "a-1", "HS256", SECRET_A)))
    assert not isinstance(caught.value, UnknownKey)


@pytest.mark.parametrize(
    "make",
    [
        lambda: SigningKey("crm", "k", "HS256", "s" * 31),
        lambda: VerifyingKey("k", "HS256", "s" * 31),
        lambda: VerifyingKey("k", "HS256", b""),
    ],
)
def test_a_secret_under_32_bytes_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(ConfigurationError, match="32 bytes"):
        make()


def test_a_secret_is_measured_in_bytes() -> None:
    SigningKey("crm", "k", "HS256", "ệ" * 11)  # 33 bytes of UTF-8


@pytest.mark.parametrize("algorithm", ["none", "HS512", "ES256", ""])
def test_other_algorithms_make_no_keys(algorithm: str) -> None:
    with pytest.raises(ConfigurationError, match="HS256, RS256, EdDSA"):
        VerifyingKey("k", algorithm, SECRET_A)


def test_a_key_must_fit_its_algorithm() -> None:
    ed = Ed25519PrivateKey.generate().public_key()
    small = generate_private_key(65537, 1024).public_key()  # noqa: S505 - that it is weak is the point

    for algorithm, key in (("RS256", ed), ("HS256", ed), ("EdDSA", small), ("EdDSA", SECRET_A)):
        with pytest.raises(ConfigurationError):
            VerifyingKey("k", algorithm, key)
    with pytest.raises(ConfigurationError, match="2048 bits"):
        VerifyingKey("k", "RS256", small)


def test_keys_do_not_show_in_their_representation() -> None:
    assert SECRET_A not in repr(KEY_A)
    assert SECRET_A not in repr(VerifyingKey("k", "HS256", SECRET_A))


def test_one_issuer_or_key_listed_twice_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="twice"):
        IssuerList((issuer(), issuer()))
    with pytest.raises(ConfigurationError, match="two keys"):
        issuers(issuer("crm", VerifyingKey("k", "HS256", SECRET_A), VerifyingKey("k", "HS256", SECRET_B)))


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("iss", None),
        ("sub", 1),
        ("tenant_id", None),
        ("permissions", "processing_activity.read"),
        ("iat", "now"),
        ("iat", True),
        ("exp", 1.5),
        ("exp", None),
        ("jti", ["r-1"]),
        ("digest", None),
        ("jti", "\ud800"),
        ("reply", "veriaidpo.replies.crm"),
        ("reply", {"topic": "veriaidpo.replies.crm"}),
        ("reply", {"topic": "veriaidpo.replies.crm", "partition": 2**31, "correlation_id": "YQ"}),
        ("reply", {"topic": "veriaidpo.replies.crm", "partition": True, "correlation_id": "YQ"}),
        ("reply", {"topic": "veriaidpo.replies.crm", "partition": 0, "correlation_id": "A"}),
        ("reply", {"topic": "veriaidpo.replies.crm", "partition": 0, "correlation_id": "A" * 600}),
        ("reply", {"topic": "veriaidpo.replies.crm", "partition": 0, "correlation_id": "QUFB" * 86}),
        ("reply", {"topic": "veriaidpo.replies.crm", "partition": 0, "correlation_id": ""}),
        ("reply", {"topic": "veriaidpo.replies.crm", "partition": 0, "correlation_id": "!!!!"}),
        ("reply", {"topic": "veriaidpo.replies.crm", "partition": 0, "correlation_id": "YQ=="}),
        ("reply", {"topic": "veriaidpo.replies.crm", "partition": 0, "correlation_id": "Yề"}),
        ("reply", {"topic": "not a topic", "partition": 0, "correlation_id": "YQ"}),
    ],
)
def test_a_claim_of_the_wrong_shape_is_unverified_not_a_crash(claim: str, value: object) -> None:
    with pytest.raises(ClaimsUnverified):
        _verify(_sign({**_claims(), claim: value}))


def test_the_audience_may_be_a_list() -> None:
    assert _verify(_sign({**_claims(), "aud": ["x", "veriaidpo"]})).audience == ("x", "veriaidpo")


@pytest.mark.parametrize(
    "header",
    [{"crit": ["b64"], "b64": False}, {"crit": ["x"], "x": 1}, {"typ": "veriaidpo-grant+jwt"}, {"kid": 7}],
)
def test_headers_that_change_a_tokens_meaning_are_refused(header: dict[str, object]) -> None:
    with pytest.raises(ClaimsUnverified):
        _verify(_sign(_claims(), header))


def test_pyjwt_reads_our_tokens_and_we_read_pyjwts() -> None:
    ours = jwt.decode(token(VALUE), SECRET_A, ["HS256"], audience="veriaidpo", options={"verify_exp": False})
    assert ours["jti"] == "r-1"
    assert _verify(_sign(_claims())).request_id == "r-1"


@settings(deadline=None)  # a busy machine is no finding
@given(st.text(max_size=300) | st.from_regex(r"([A-Za-z0-9_=-]{0,40}\.){2}[A-Za-z0-9_=-]{0,40}"))
def test_whatever_is_no_token_is_unverified_and_nothing_else(text: str) -> None:
    with pytest.raises(ClaimsUnverified):
        _verify(text)


@settings(deadline=None)  # a busy machine is no finding
@given(st.data())
def test_no_changed_byte_of_a_token_goes_unnoticed(data: st.DataObject) -> None:
    good = token(VALUE)
    place = data.draw(st.integers(0, len(good) - 1))
    letter = data.draw(st.sampled_from("ABCxyz019-_.= é"))
    changed = good[:place] + letter + good[place + 1 :]

    if changed != good:
        with pytest.raises(ClaimsUnverified):
            _verify(changed)


_segments = st.builds(
    lambda content, padding: urlsafe_b64encode(content).rstrip(b"=").decode() + padding,
    st.sampled_from([b"{}", b'{"alg":"HS256"}', b'{"a":1}', b"[]", b"", b"\xff"]) | st.binary(max_size=6),
    st.sampled_from(["", "", "", "="]),
)


@settings(deadline=None)  # a busy machine is no finding
@given(_segments, _segments, _segments)
def test_what_our_reader_takes_pyjwts_takes_with_the_same_content(a: str, b: str, c: str) -> None:
    compact = f"{a}.{b}.{c}"
    try:
        ours = read_compact(compact)
    except ValueError:
        return
    theirs = jwt.PyJWS().decode_complete(compact, options={"verify_signature": False})
    assert theirs["header"] == ours.header
    assert theirs["payload"] == ours.payload
    assert theirs["signature"] == ours.signature


def _verify(signed: str, trusted: IssuerList | None = None) -> Any:
    return verify_signature(signed, trusted or issuers(), append_time_ms=NOW_MS)


def _claims() -> dict[str, object]:
    return dict(json.loads(read_compact(token(VALUE)).payload))


def _sign(claims: dict[str, object], header: dict[str, object] | None = None) -> str:
    full = {"typ": "veriaidpo-event+jwt", "kid": "a-1", **(header or {})}
    payload = json.dumps(claims).encode()
    if "crit" in full or full["kid"] == 7:  # pyjwt refuses to write these
        signing_input = f"{_segment({**full, 'alg': 'HS256'})}.{_encode(payload)}"
        return f"{signing_input}.{_hmac(signing_input)}"
    return jwt.PyJWS().encode(payload, SECRET_A, "HS256", headers=full)


def _hmac(signing_input: str) -> str:
    return _encode(hmac.digest(SECRET_A.encode(), signing_input.encode(), "sha256"))


def _segment(content: dict[str, object]) -> str:
    return _encode(json.dumps(content).encode())


def _encode(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
