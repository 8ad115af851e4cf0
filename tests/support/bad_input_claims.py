"""Bad claims, and reply addresses that lead nowhere or to somebody else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from schemas import base64url
from schemas.claims import mint_bearer
from schemas.claims.mint import EVENT_TYPE
from schemas.headers import (
    AUTHORIZATION,
    CE_ID,
    CORRELATION_ID,
    REPLY_PARTITION,
    REPLY_TOPIC,
)
from schemas.topics import RESULTS, request_topic
from tests.support.bad_input_case import Case, Make, answered, unanswered, undeliverable
from tests.support.bad_input_records import (
    ANALYST,
    CARELESS,
    CLASSIFY,
    CRM_LONG_AGO,
    OTHER_REPLIES,
    SECRET,
    STRANGER,
    TENANT,
    Draft,
    Sent,
)


def _unsigned(good: Draft) -> Sent:
    """A token with alg=none and no signature, as RFC 7519 allows it."""
    sent = good.sign()
    _, payload, _ = dict(sent.headers)[AUTHORIZATION].split(b".")  # type: ignore[union-attr]
    header = base64url.encode(b'{"alg":"none","typ":"%s","kid":"crm-2"}' % EVENT_TYPE.encode())
    return sent.with_header(AUTHORIZATION, b"Bearer " + header + b"." + payload + b".")


def _forged(good: Draft) -> Sent:
    """The CRM's name and key id, and somebody else's secret."""
    return good.signed_by(replace(good.signing_key, key=STRANGER.key)).sign()


def _with_callers_token(good: Draft) -> Sent:
    """A caller's bearer token of the same tenant; signed, to make it worse, with the issuer's own secret."""
    token = mint_bearer(
        secret=SECRET, subject="user-1", role="dpo", tenant_id=TENANT, permissions=[CLASSIFY], now_s=_now_s()
    )
    return good.sign().with_token(token)


def _now_s() -> int:
    return int(datetime.now(UTC).timestamp())


CLAIMS: Mapping[str, Case] = {
    "no token": unanswered("CLAIMS_MISSING", lambda good: good.sign().without_header(AUTHORIZATION)),
    "rubbish for a token": unanswered("CLAIMS_UNVERIFIED", lambda good: good.sign().with_token("rubbish")),
    "an expired token": answered(
        "CLAIMS_EXPIRED", lambda good: good.claiming(iat=_now_s() - 3600, exp=_now_s() - 3300).sign()
    ),
    "a token of the future": answered(
        "CLAIMS_EXPIRED", lambda good: good.claiming(iat=_now_s() + 3600, exp=_now_s() + 3900).sign()
    ),
    "a token for a week": answered(
        "CLAIMS_EXPIRED", lambda good: good.claiming(exp=_now_s() + 7 * 86_400).sign()
    ),
    "a token's times beyond all numbers": answered(
        "CLAIMS_EXPIRED", lambda good: good.claiming(iat=10**400, exp=10**400 + 300).sign()
    ),
    "a forged token": unanswered("CLAIMS_UNVERIFIED", _forged),
    "alg=none": unanswered("CLAIMS_UNVERIFIED", _unsigned),
    "a caller's bearer token": unanswered("CLAIMS_UNVERIFIED", _with_callers_token),
    "an unlisted issuer": unanswered("CLAIMS_UNVERIFIED", lambda good: good.signed_by(STRANGER).sign()),
    "an unknown key id": unanswered(
        "CLAIMS_UNVERIFIED", lambda good: good.signed_by(replace(good.signing_key, kid="crm-9")).sign()
    ),
    "a key whose time is over": unanswered(
        "CLAIMS_UNVERIFIED", lambda good: good.signed_by(CRM_LONG_AGO).sign()
    ),
    "another value's digest": answered("CLAIMS_MISMATCH", lambda good: good.claiming(digest="0" * 64).sign()),
    "another topic's token": answered(
        "CLAIMS_MISMATCH", lambda good: good.claiming(topic=request_topic("regional")).sign()
    ),
    "another audience": answered("CLAIMS_MISMATCH", lambda good: good.claiming(aud="elsewhere").sign()),
    "another issuer's tenant": answered(
        "CLAIMS_FORBIDDEN", lambda good: good.asking(tenant_id="tenant-b").sign()
    ),
    "no permission to classify": answered(
        "CLAIMS_FORBIDDEN", lambda good: good.claiming(permissions=[]).sign()
    ),
    "a permission that isn't the issuer's to give": answered(
        "CLAIMS_FORBIDDEN", lambda good: good.signed_by(ANALYST).sign()
    ),
    "a tenant that isn't the claims'": answered(
        "RECORD_MISMATCH", lambda good: good.claiming(tenant_id=TENANT).asking(tenant_id="tenant-b").sign()
    ),
    "a request id that isn't the token's": answered(
        "RECORD_MISMATCH", lambda good: good.claiming(jti="other").sign()
    ),
    "a request id that isn't the event's": answered(
        "RECORD_MISMATCH", lambda good: good.sign().with_header(CE_ID, b"other")
    ),
    "no key": answered("RECORD_MISMATCH", lambda good: replace(good.sign(), key=None)),
    "another key": answered("RECORD_MISMATCH", lambda good: replace(good.sign(), key=b"other")),
}


def _to(topic: str) -> Make:
    return lambda good: good.replying(topic=topic).sign()


def _to_partition(partition: int) -> Make:
    return lambda good: good.replying(partition=partition).sign()


COPIES: Mapping[str, Case] = {
    "copied with another reply topic": answered(
        "CLAIMS_MISMATCH", lambda good: good.sign().with_header(REPLY_TOPIC, OTHER_REPLIES.encode())
    ),
    "copied with another reply partition": answered(
        "CLAIMS_MISMATCH", lambda good: good.sign().with_header(REPLY_PARTITION, b"\0\0\0\3")
    ),
    "copied with another correlation id": answered(
        "CLAIMS_MISMATCH", lambda good: good.sign().with_header(CORRELATION_ID, b"the thief's")
    ),
    "copied with its reply address left out": answered(
        "CLAIMS_MISMATCH",
        lambda good: (
            good.sign()
            .without_header(REPLY_TOPIC)
            .without_header(REPLY_PARTITION)
            .without_header(CORRELATION_ID)
        ),
    ),
}

ADDRESSES: Mapping[str, Case] = {
    "a reply topic of ours that is none": unanswered(
        "CLAIMS_FORBIDDEN",
        lambda good: good.signed_by(CARELESS).replying(topic=RESULTS).sign(),
    ),
    "a reply topic outside veriaidpo.replies.": unanswered(
        "CLAIMS_FORBIDDEN", lambda good: good.signed_by(CARELESS).replying(topic="payments.inbox").sign()
    ),
    "a reply topic that isn't the issuer's to name": unanswered("CLAIMS_FORBIDDEN", _to("payments.inbox")),
    "a reply topic's name that is none": unanswered("CLAIMS_UNVERIFIED", _to("veriaidpo.replies.a/b")),
    "a reply topic that doesn't exist": undeliverable(_to("veriaidpo.replies.nobody")),
    "reply partition -1": undeliverable(_to_partition(-1)),
    "reply partition 2^31-1": undeliverable(_to_partition(2**31 - 1)),
    "a refused record's reply topic that doesn't exist": unanswered(
        "EMPTY_TEXT", lambda good: good.asking(text=" ").replying(topic="veriaidpo.replies.nobody").sign()
    ),
}
