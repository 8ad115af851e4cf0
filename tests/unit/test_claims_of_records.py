"""What a record's claims allow, and what they don't."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from schemas.claims import EventClaims, SigningKey, VerifyingKey, may_reply, verify_signature
from schemas.codec import Codec
from schemas.errors import (
    ClaimsExpired,
    ClaimsForbidden,
    ClaimsMismatch,
    ClaimsUnverified,
    EmptyText,
    InvalidId,
    RecordMismatch,
    TextTooLong,
    UnknownModelType,
    UnsupportedLanguage,
    VeriAIDPOError,
)
from schemas.headers import AUTHORIZATION, CORRELATION_ID, REPLY_PARTITION, REPLY_TOPIC
from schemas.identity import digest_of, result_id
from schemas.reply import ReplyAddress
from tests.support.claims import (
    NOW_MS,
    NOW_S,
    REPLY,
    REQUEST,
    SECRET_B,
    TOPIC,
    SignedRecord,
    admit,
    issuer,
    issuers,
    signed_record,
    with_header,
)


def test_a_correctly_signed_record_is_admitted_with_its_claims() -> None:
    claims = admit(signed_record())

    assert claims == EventClaims(
        issuer="crm",
        subject="user-1",
        role="dpo",
        tenant_id="tenant-a",
        permissions=("processing_activity.read",),
        request_id="r-1",
        topic=TOPIC,
        digest=digest_of(signed_record().value),
        reply=REPLY,
        issued_at_s=NOW_S,
        expires_at_s=NOW_S + 300,
        audience=("veriaidpo",),
    )


def test_a_record_without_a_reply_address_is_admitted() -> None:
    assert admit(signed_record(reply=None)).reply is None


def test_the_same_record_published_twice_gives_the_same_result_id() -> None:
    first, second = signed_record(), replace(signed_record(), append_time_ms=NOW_MS + 5_000)

    def identity(record: SignedRecord) -> str:
        claims = admit(record)
        return result_id(
            issuer=claims.issuer,
            tenant_id=claims.tenant_id,
            request_id=claims.request_id,
            model_type="principles",
            digest=claims.digest,
        )

    assert identity(first) == identity(second)


def test_issuer_a_claiming_tenant_b_is_forbidden() -> None:
    request = structs.replace(REQUEST, tenant_id="tenant-b")

    with pytest.raises(ClaimsForbidden, match="tenant"):
        admit(signed_record(request, tenant_id="tenant-b"))


def test_token_of_tenant_a_on_a_record_of_tenant_b_is_refused() -> None:
    with pytest.raises(RecordMismatch, match="tenant_id"):
        admit(
            signed_record(structs.replace(REQUEST, tenant_id="tenant-b")),
            issuers(issuer(tenants=frozenset("*"))),
        )


def test_issuer_a_signing_as_issuer_b_is_unverified() -> None:
    forged = SigningKey("erp", "b-1", "HS256", "a" * 32)
    trusted = issuers(issuer(), issuer("erp", VerifyingKey("b-1", "HS256", SECRET_B)))

    with pytest.raises(ClaimsUnverified, match="signature"):
        admit(signed_record(signing_key=forged), trusted)


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"permissions": frozenset({"analytics.read"})}, "permission"),
        ({"topics": frozenset({"veriaidpo.requests.regional"})}, "topic"),
        ({"reply_topics": frozenset({"veriaidpo.replies.erp"})}, "reply topic"),
        ({"tenants": frozenset()}, "tenant"),
    ],
)
def test_what_the_issuer_list_does_not_allow_is_forbidden(changes: dict[str, Any], refused: str) -> None:
    with pytest.raises(ClaimsForbidden, match=refused):
        admit(signed_record(), issuers(issuer(**changes)))


def test_a_permission_that_is_not_claimed_is_forbidden() -> None:
    with pytest.raises(ClaimsForbidden, match="isn't claimed"):
        admit(signed_record(permissions=["analytics.read"]))


def test_a_pattern_ending_in_a_star_allows_what_begins_with_it() -> None:
    admit(signed_record(), issuers(issuer(tenants=frozenset({"tenant-*"}))))

    with pytest.raises(ClaimsForbidden):
        admit(signed_record(), issuers(issuer(tenants=frozenset({"tenant-b*"}))))


@pytest.mark.parametrize("topic", [TOPIC, "veriaidpo.results", "veriaidpo.replies"])
def test_a_reply_topic_outside_the_reply_prefix_is_forbidden_whatever_the_list_says(topic: str) -> None:
    reply = ReplyAddress(topic, 0, b"c")
    trusted = issuers(issuer(reply_topics=frozenset("*")))
    record = signed_record(reply=reply)

    with pytest.raises(ClaimsForbidden, match="reply topic"):
        admit(record, trusted)
    assert not may_reply(_verified(record), trusted)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        (REPLY_TOPIC, b"veriaidpo.replies.erp"),
        (REPLY_PARTITION, (4).to_bytes(4, "big")),
        (CORRELATION_ID, b"\x00correlation\xfe"),
    ],
)
def test_a_copy_with_a_changed_reply_address_is_refused_and_answered_at_the_signed_one(
    header: str, value: bytes
) -> None:
    copy = with_header(signed_record(), header, value)

    with pytest.raises(ClaimsMismatch, match="reply address"):
        admit(copy)
    assert _verified(copy).reply == REPLY
    assert may_reply(_verified(copy), issuers())


def test_a_copy_without_its_reply_headers_is_refused() -> None:
    record = signed_record()
    kept = [header for header in record.headers if not header[0].startswith("kafka_")]

    with pytest.raises(ClaimsMismatch, match="reply address"):
        admit(replace(record, headers=kept))


def test_a_copy_on_another_topic_is_refused() -> None:
    with pytest.raises(ClaimsMismatch, match="topic"):
        admit(replace(signed_record(), topic="veriaidpo.requests.regional"))


def test_a_wrong_digest_is_refused() -> None:
    other = Codec().encode(structs.replace(REQUEST, text="Một câu khác."))

    with pytest.raises(ClaimsMismatch, match="digest"):
        admit(replace(signed_record(), value=other))


def test_a_token_for_another_audience_is_refused() -> None:
    claims = structs.replace(_verified(signed_record()), audience=("somebody-else",))
    record = signed_record()

    with pytest.raises(ClaimsMismatch, match="audience"):
        _check(claims, record)


def test_a_token_that_had_expired_when_its_record_was_appended_is_refused() -> None:
    last_ms = (NOW_S + 300 + 60) * 1000  # lifetime and leeway

    admit(replace(signed_record(), append_time_ms=last_ms - 1))
    with pytest.raises(ClaimsExpired, match="expired"):
        admit(replace(signed_record(), append_time_ms=last_ms))


def test_a_consumer_that_lags_does_not_refuse_what_was_valid_when_published() -> None:
    admit(signed_record(), now_ms=NOW_MS + 29 * 24 * 3600 * 1000)


def test_a_record_older_than_the_age_limit_is_refused() -> None:
    with pytest.raises(ClaimsExpired, match="30 days"):
        admit(signed_record(), now_ms=NOW_MS + 30 * 24 * 3600 * 1000 + 1)


def test_a_token_issued_after_its_record_was_appended_is_refused() -> None:
    admit(signed_record(issued_at_s=NOW_S + 60))
    with pytest.raises(ClaimsExpired, match="issued after"):
        admit(signed_record(issued_at_s=NOW_S + 61))


@pytest.mark.parametrize("lifetime_s", [24 * 3600 + 1, 0, -1])
def test_a_token_that_lives_longer_than_a_day_or_not_at_all_is_refused(lifetime_s: int) -> None:
    with pytest.raises(ClaimsExpired, match="24 hours"):
        admit(signed_record(expires_at_s=NOW_S + lifetime_s))


def test_a_token_that_lives_exactly_a_day_is_admitted() -> None:
    admit(signed_record(expires_at_s=NOW_S + 24 * 3600))


@pytest.mark.parametrize("key", [None, b"", b"r-2", b"\xff"])
def test_a_key_that_is_not_the_request_id_is_refused(key: bytes | None) -> None:
    with pytest.raises(RecordMismatch, match="key"):
        admit(replace(signed_record(), key=key))


def test_a_ce_id_that_is_not_the_request_id_is_refused() -> None:
    with pytest.raises(RecordMismatch, match="ce_id"):
        admit(with_header(signed_record(), "ce_id", b"r-2"))


def test_a_jti_that_is_not_the_request_id_is_refused() -> None:
    with pytest.raises(RecordMismatch, match="jti"):
        admit(signed_record(signing_key=signed_key(), request_id="r-2"))


def test_a_model_type_that_is_not_the_topics_is_refused() -> None:
    with pytest.raises(RecordMismatch, match="model_type"):
        admit(signed_record(structs.replace(REQUEST, model_type="regional")))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"model_type": "horoscope"}, UnknownModelType),
        ({"language": "fr"}, UnsupportedLanguage),
        ({"text": ""}, EmptyText),
        ({"text": " \t\n\u00a0\u2003"}, EmptyText),
        ({"text": "a" * 20_001}, TextTooLong),
    ],
)
def test_a_request_that_no_model_can_answer_gets_its_own_error(
    changes: dict[str, Any], error: type[VeriAIDPOError]
) -> None:
    with pytest.raises(error):
        admit(signed_record(structs.replace(REQUEST, **changes)))


@pytest.mark.parametrize("request_id", ["", "x" * 129, "a\nb", "a\x00b"])
def test_an_id_that_breaks_keys_or_logs_is_refused(request_id: str) -> None:
    record = signed_record(structs.replace(REQUEST, request_id=request_id), request_id=request_id)

    with pytest.raises(InvalidId):
        admit(replace(record, key=request_id.encode()))


def test_a_token_with_another_records_headers_is_still_bound_to_its_own_value() -> None:
    first, second = signed_record(), signed_record(structs.replace(REQUEST, text="Một câu khác."))
    stolen = dict(first.headers)[AUTHORIZATION]

    with pytest.raises(ClaimsMismatch):
        admit(with_header(second, AUTHORIZATION, stolen))


def signed_key() -> SigningKey:
    return SigningKey("crm", "a-1", "HS256", "a" * 32)


def _verified(record: SignedRecord) -> EventClaims:
    token = dict(record.headers)[AUTHORIZATION].decode().removeprefix("Bearer ")
    return verify_signature(token, issuers(), append_time_ms=record.append_time_ms)


def _check(claims: EventClaims, record: SignedRecord) -> None:
    from schemas.claims import check_claims
    from schemas.headers import read_request_headers

    check_claims(
        claims,
        issuers(),
        topic=record.topic,
        value=record.value,
        headers=read_request_headers(record.headers),
        append_time_ms=record.append_time_ms,
        now_ms=NOW_MS,
        required_permission="processing_activity.read",
    )
