"""Checking a record's claims, in two steps.

1. `verify_signature`  the token is an event's, signed by a known issuer with a key valid at append time
2. `check_claims`, `check_record`  it was signed for this record, and its issuer may claim what it claims

After step 1 the signed reply address can be trusted: where only step 2 fails, the publisher gets a typed
answer there. Time is the broker's append time, so that a consumer that lags refuses nothing.
"""

from __future__ import annotations

import msgspec

from ..content import check_content, check_ids
from ..errors import (
    ClaimsExpired,
    ClaimsForbidden,
    ClaimsMismatch,
    ClaimsUnverified,
    RecordMismatch,
)
from ..events import ClassificationRequest
from ..headers import RequestHeaders
from ..identity import digest_of
from ..reply import ReplyAddress, ReplyClaim, reply_of_claim
from ..topics import model_type_of
from .issuers import IssuerList
from .jws import CompactJws, read_compact
from .mint import AUDIENCE, EVENT_TYPE

MAX_LIFETIME_S = 24 * 3600
LEEWAY_S = 60
MAX_AGE_S = 30 * 24 * 3600
"""As long as request topics keep their records: what is older was put there by something else."""


class EventClaims(msgspec.Struct, frozen=True):
    """What a verified token says. Verified means signed, not yet allowed: see `check_claims`."""

    issuer: str
    subject: str
    role: str
    tenant_id: str
    permissions: tuple[str, ...]
    request_id: str
    topic: str
    digest: str
    reply: ReplyAddress | None
    issued_at_s: int
    expires_at_s: int
    audience: tuple[str, ...]


def verify_signature(token: str, issuers: IssuerList, *, append_time_ms: int) -> EventClaims:
    """The claims of a token that a listed issuer signed; ClaimsUnverified where it isn't so.

    UnknownKey, its subclass, says that only the key id is unknown: the issuer's key set may have moved on.
    """
    jws = _read(token)
    claims = _claims(jws.payload)
    kid = jws.header.get("kid")
    if not isinstance(kid, str):
        raise ClaimsUnverified(reason="it names no key id", reason_vi="thiếu mã khóa")
    key = issuers.key(claims.issuer, kid, append_time_ms)
    if jws.header.get("alg") != key.algorithm:
        raise ClaimsUnverified(
            reason="its algorithm isn't the key's", reason_vi="thuật toán không phải của khóa"
        )
    if not key.verifier.verify(jws.signing_input, jws.signature):
        raise ClaimsUnverified(reason="the signature is wrong", reason_vi="chữ ký sai")
    return claims


def check_claims(
    claims: EventClaims,
    issuers: IssuerList,
    *,
    topic: str,
    value: bytes,
    headers: RequestHeaders,
    append_time_ms: int,
    now_ms: int,
    required_permission: str,
) -> None:
    """The claims fit the record they came with and their issuer: ClaimsMismatch, …Forbidden or …Expired."""
    if AUDIENCE not in claims.audience:
        raise ClaimsMismatch(
            reason=f"the audience isn't {AUDIENCE}", reason_vi=f"audience không phải {AUDIENCE}"
        )
    if claims.topic != topic:
        raise ClaimsMismatch(reason="another topic", reason_vi="topic khác")
    if claims.digest != digest_of(value):
        raise ClaimsMismatch(reason="another value (digest)", reason_vi="giá trị khác (digest)")
    if claims.reply != headers.reply:
        raise ClaimsMismatch(reason="another reply address", reason_vi="địa chỉ phản hồi khác")
    _check_issuer(claims, issuers, required_permission)
    _check_time(claims, append_time_ms, now_ms)


def check_record(
    claims: EventClaims,
    headers: RequestHeaders,
    key: bytes | None,
    request: ClassificationRequest,
    topic: str,
) -> None:
    """Key, value, headers, claims and topic name one request, and it is one that can be answered.

    Raises InvalidId, RecordMismatch, UnknownModelType, UnsupportedLanguage, EmptyText or TextTooLong.
    """
    check_ids(request)
    if key != request.request_id.encode("utf-8", "replace"):
        raise RecordMismatch(field="key")
    if headers.ce_id != request.request_id:
        raise RecordMismatch(field="ce_id")
    if claims.request_id != request.request_id:
        raise RecordMismatch(field="jti")
    if claims.tenant_id != request.tenant_id:
        raise RecordMismatch(field="tenant_id")
    check_content(request)
    if request.model_type != model_type_of(topic):
        raise RecordMismatch(field="model_type")


def may_reply(claims: EventClaims, issuers: IssuerList) -> bool:
    """Whether a signed reply address may be written to at all, also with a failure."""
    return claims.reply is not None and issuers.issuer(claims.issuer).may_claim_reply_topic(
        claims.reply.topic
    )


def _check_issuer(claims: EventClaims, issuers: IssuerList, required_permission: str) -> None:
    issuer = issuers.issuer(claims.issuer)
    if not issuer.may_claim_tenant(claims.tenant_id):
        raise ClaimsForbidden(reason="this tenant", reason_vi="tenant này")
    if not issuer.may_claim_topic(claims.topic):
        raise ClaimsForbidden(reason="this topic", reason_vi="topic này")
    if required_permission not in claims.permissions:
        raise ClaimsForbidden(
            reason=f"the permission {required_permission} isn't claimed",
            reason_vi=f"không có quyền {required_permission} trong claims",
        )
    if not issuer.may_claim_permission(required_permission):
        raise ClaimsForbidden(
            reason=f"the permission {required_permission}", reason_vi=f"quyền {required_permission}"
        )
    if claims.reply is not None and not issuer.may_claim_reply_topic(claims.reply.topic):
        raise ClaimsForbidden(reason="this reply topic", reason_vi="topic phản hồi này")


def _check_time(claims: EventClaims, append_time_ms: int, now_ms: int) -> None:
    append_s = append_time_ms / 1000
    if not 0 < claims.expires_at_s - claims.issued_at_s <= MAX_LIFETIME_S:
        raise ClaimsExpired(
            reason="a token lives at most 24 hours", reason_vi="token có hiệu lực tối đa 24 giờ"
        )
    if claims.issued_at_s > append_s + LEEWAY_S:
        raise ClaimsExpired(
            reason="it was issued after the record was appended",
            reason_vi="token được phát hành sau khi bản ghi được ghi nhận",
        )
    if append_s >= claims.expires_at_s + LEEWAY_S:
        raise ClaimsExpired(
            reason="it had expired when the record was appended",
            reason_vi="token đã hết hạn khi bản ghi được ghi nhận",
        )
    if now_ms - append_time_ms > MAX_AGE_S * 1000:
        raise ClaimsExpired(reason="the record is older than 30 days", reason_vi="bản ghi đã quá 30 ngày")


def _read(token: str) -> CompactJws:
    try:
        jws = read_compact(token)
    except ValueError as error:
        raise ClaimsUnverified(reason="it isn't a JWT", reason_vi="không phải JWT") from error
    if jws.header.get("typ") != EVENT_TYPE:
        raise ClaimsUnverified(
            reason=f"its type isn't {EVENT_TYPE}", reason_vi=f"loại token không phải {EVENT_TYPE}"
        )
    return jws


class _Payload(msgspec.Struct, frozen=True):
    """A token's claims as JSON has them. The decoder takes no other type, nor half a character."""

    iss: str
    sub: str
    role: str
    tenant_id: str
    permissions: tuple[str, ...]
    iat: int
    exp: int
    jti: str
    topic: str
    digest: str
    aud: str | tuple[str, ...] = ()  # RFC 7519 allows one name or a list of them
    reply: ReplyClaim | None = None


_decode_payload = msgspec.json.Decoder(_Payload).decode


def _claims(payload: bytes) -> EventClaims:
    try:
        claims = _decode_payload(payload)
        reply = None if claims.reply is None else reply_of_claim(claims.reply)
    except msgspec.DecodeError as error:  # it names the claim and its type, never what the claim says
        raise ClaimsUnverified(
            reason=f"a claim is missing or malformed ({error})",
            reason_vi=f"claim thiếu hoặc sai cấu trúc ({error})",
        ) from error
    except RecursionError as error:
        raise ClaimsUnverified(reason="it is nested too deeply", reason_vi="lồng nhau quá sâu") from error
    except ValueError as error:
        raise ClaimsUnverified(
            reason="the reply address is malformed", reason_vi="địa chỉ phản hồi sai cấu trúc"
        ) from error
    return EventClaims(
        issuer=claims.iss,
        subject=claims.sub,
        role=claims.role,
        tenant_id=claims.tenant_id,
        permissions=claims.permissions,
        request_id=claims.jti,
        topic=claims.topic,
        digest=claims.digest,
        reply=reply,
        issued_at_s=claims.iat,
        expires_at_s=claims.exp,
        audience=(claims.aud,) if isinstance(claims.aud, str) else claims.aud,
    )
