"""A correctly signed record, and issuers that accept it: what the claims' tests bend in one place each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from connectors.issuers import IssuerSource
from schemas.claims import (
    EventClaims,
    Issuer,
    IssuerList,
    SigningKey,
    VerifyingKey,
    check_claims,
    check_record,
    mint_event_claims,
    verify_signature,
)
from schemas.codec import Codec
from schemas.events import ClassificationRequest
from schemas.headers import read_request_headers, request_headers
from schemas.identity import digest_of
from schemas.reply import ReplyAddress

NOW_S = 1_790_000_000
NOW_MS = NOW_S * 1000
TOPIC = "veriaidpo.requests.principles"
PERMISSION = "processing_activity.read"
SECRET_A = "a" * 32
SECRET_B = "b" * 32
REPLY = ReplyAddress("veriaidpo.replies.crm", 3, b"\x00correlation\xff")
REQUEST = ClassificationRequest("r-1", "tenant-a", "principles", "vi", "Dữ liệu được mã hóa khi lưu trữ.")
KEY_A = SigningKey("crm", "a-1", "HS256", SECRET_A)


def issuer(name: str = "crm", *keys: VerifyingKey, **changes: Any) -> Issuer:
    """An issuer that may claim tenant-a; `changes` replace what it may."""
    made = Issuer(
        name=name,
        keys=keys or (VerifyingKey("a-1", "HS256", SECRET_A),),
        tenants=frozenset({"tenant-a"}),
        permissions=frozenset({PERMISSION}),
        topics=frozenset({"veriaidpo.requests.*"}),
        reply_topics=frozenset({"veriaidpo.replies.crm"}),
    )
    return replace(made, **changes)


def issuers(*listed: Issuer) -> IssuerList:
    return IssuerList(listed or (issuer(),))


async def issuers_in(file: Path) -> IssuerList:
    """What a worker makes of an issuer list's file."""
    async with IssuerSource(file) as source:
        return source.current()


def token(value: bytes, *, signing_key: SigningKey = KEY_A, **changes: Any) -> str:
    """A token for that value; `changes` replace the claims it is minted with."""
    claims: dict[str, Any] = {
        "subject": "user-1",
        "role": "dpo",
        "tenant_id": "tenant-a",
        "permissions": [PERMISSION],
        "request_id": "r-1",
        "topic": TOPIC,
        "digest": digest_of(value),
        "reply": REPLY,
        "issued_at_s": NOW_S,
    }
    return mint_event_claims(signing_key=signing_key, **{**claims, **changes})


@dataclass(frozen=True)
class SignedRecord:
    """A record as it stands on the topic."""

    value: bytes
    headers: list[tuple[str, bytes]]
    key: bytes | None = b"r-1"
    topic: str = TOPIC
    append_time_ms: int = NOW_MS


def signed_record(
    request: ClassificationRequest = REQUEST, *, reply: ReplyAddress | None = REPLY, **changes: Any
) -> SignedRecord:
    value = Codec().encode(request)
    signed = token(value, **{"reply": reply, **changes})
    headers = request_headers(
        token=signed,
        request_id=request.request_id,
        source="//crm",
        reply=reply,
        now=datetime.fromtimestamp(NOW_S, UTC),
    )
    return SignedRecord(value, headers)


def admit(record: SignedRecord, trusted: IssuerList | None = None, *, now_ms: int = NOW_MS) -> EventClaims:
    """Every check that a worker makes of a record, in a worker's order."""
    trusted = trusted or issuers()
    headers = read_request_headers(record.headers)
    claims = verify_signature(headers.token, trusted, append_time_ms=record.append_time_ms)
    check_claims(
        claims,
        trusted,
        topic=record.topic,
        value=record.value,
        headers=headers,
        append_time_ms=record.append_time_ms,
        now_ms=now_ms,
        required_permission=PERMISSION,
    )
    request = Codec().decode(record.value)
    assert isinstance(request, ClassificationRequest)
    check_record(claims, headers, record.key, request, record.topic)
    return claims


def with_header(record: SignedRecord, name: str, value: bytes) -> SignedRecord:
    """The record with one header's value replaced, as a copy by somebody else would have it."""
    return replace(record, headers=[(n, value if n == name else v) for n, v in record.headers])
