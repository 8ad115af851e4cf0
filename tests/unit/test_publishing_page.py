"""The figures on docs/publish.md are the code's own."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode
from datetime import UTC, datetime
from typing import Any

from connectors.publishing.publisher import Publisher, SignedRecord
from schemas.avro_schemas import known_writers
from schemas.claims import (
    Issuer,
    IssuerList,
    ReplyAddress,
    SigningKey,
    VerifyingKey,
    check_claims,
    check_record,
    verify_signature,
)
from schemas.codec import Codec
from schemas.events import ClassificationRequest
from schemas.headers import read_request_headers
from schemas.identity import digest_of
from schemas.limits import MAX_CORRELATION_ID_BYTES, MAX_HEADERS_BYTES, MAX_TOKEN_BYTES
from tests.support.pages import block, page

PAGE = "publish.md"
SECRET = "the-secret-of-this-page-32-bytes+"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
CLASSIFY = "processing_activity.read"
REPLY = ReplyAddress("veriaidpo.replies.tickets", 3, b"c-42")


def request() -> ClassificationRequest:
    return ClassificationRequest(**json.loads(block(PAGE, "figures: request")))


def value() -> bytes:
    return bytes.fromhex(block(PAGE, "figures: value"))


def token() -> str:
    return "".join(block(PAGE, "figures: token").split())


def record() -> SignedRecord:
    key = SigningKey(issuer="tickets", kid="tickets-2026-01", algorithm="HS256", key=SECRET)
    return Publisher("nowhere:9092", key, source="tickets", now=lambda: NOW).sign(
        request(),
        subject="tickets",
        role="service",
        permissions=[CLASSIFY],
        reply=REPLY,
        deadline_ms=NOW_MS + 30_000,
    )


def part(number: int) -> Any:
    return json.loads(urlsafe_b64decode(token().split(".")[number] + "=="))


def test_value_on_the_page_is_what_the_codec_writes_and_reads() -> None:
    assert Codec().encode(request()) == value() == record().value
    assert Codec().decode(value()) == request()


def test_first_bytes_on_the_page_are_those_of_the_current_schemas() -> None:
    rows = dict(re.findall(r"^\| (Classification\w+) \| `(C3 01 [0-9A-F ]+)` \|$", page(PAGE), re.M))
    assert len(rows) == 3
    current = {w.event: b"\xc3\x01" + w.fingerprint for w in known_writers().values() if w.is_current}
    assert {name: bytes.fromhex(text) for name, text in rows.items()} == {
        name: current[name] for name in rows
    }


def test_headers_on_the_page_are_those_that_are_sent() -> None:
    rows = re.findall(r"^\| `([a-z_A-Z-]+)` \| [^|]+ \| (?:(bytes )?`([^`]+)`)? ?\|$", page(PAGE), re.M)
    shown = {
        name: bytes.fromhex(text) if is_bytes else text.encode() for name, is_bytes, text in rows if text
    }
    sent = dict(record().headers)
    assert {**shown, "authorization": sent["authorization"]} == sent
    assert {name for name, _, _ in rows} == {*sent, "traceparent"}


def test_token_on_the_page_holds_the_shown_header_and_claims() -> None:
    assert part(0) == json.loads(block(PAGE, "figures: token header"))
    assert part(1) == json.loads(block(PAGE, "figures: claims"))
    assert part(1)["digest"] == digest_of(value())
    ours = dict(record().headers)["authorization"].removeprefix(b"Bearer ").decode()
    assert token() == ours


def test_a_worker_accepts_the_record_on_the_page() -> None:
    issuer = Issuer(
        name="tickets",
        keys=(VerifyingKey(kid="tickets-2026-01", algorithm="HS256", key=SECRET),),
        tenants=frozenset({"t1"}),
        permissions=frozenset({CLASSIFY}),
        topics=frozenset({"veriaidpo.requests.principles"}),
        reply_topics=frozenset({REPLY.topic}),
    )
    issuers = IssuerList([issuer])
    headers = read_request_headers([*record().headers])
    claims = verify_signature(token(), issuers, append_time_ms=NOW_MS)
    topic = "veriaidpo.requests.principles"
    check_claims(
        claims,
        issuers,
        topic=topic,
        value=value(),
        headers=headers,
        append_time_ms=NOW_MS,
        now_ms=NOW_MS,
        required_permission=CLASSIFY,
    )
    check_record(claims, headers, request().request_id.encode(), request(), topic)


def test_limits_on_the_page_are_the_codes() -> None:
    text = page(PAGE)
    assert f"at most {MAX_HEADERS_BYTES:,} bytes" in text
    assert f"at most {MAX_TOKEN_BYTES:,} bytes" in text
    assert f"1 to {MAX_CORRELATION_ID_BYTES} bytes" in text
