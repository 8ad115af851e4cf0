"""What a publisher refuses before Kafka hears of it, and what it signs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.publishing.keys import FIELDS, read_signing_key
from connectors.publishing.publisher import Publisher
from schemas.claims import ReplyAddress, verify_signature
from schemas.codec import Codec
from schemas.errors import (
    ConfigurationError,
    EmptyText,
    InvalidId,
    InvalidRequest,
    RequestTooLarge,
    TextTooLong,
    UnknownModelType,
    UnsupportedLanguage,
    VeriAIDPOError,
)
from schemas.events import ClassificationRequest
from schemas.headers import read_request_headers
from schemas.limits import MAX_TEXT_CHARS
from tests.support.responder import CLASSIFY, ISSUERS, SIGNING_KEY

NOW = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
REQUEST = ClassificationRequest("r-1", "t1", "principles", "vi", "Dữ liệu được xử lý đúng mục đích.")


def publisher() -> Publisher:
    return Publisher("nowhere:9092", SIGNING_KEY, source="test", now=lambda: NOW)


def refusal(request: ClassificationRequest, reply: ReplyAddress | None = None, role: str = "dpo") -> type:
    with pytest.raises(VeriAIDPOError) as caught:
        publisher().sign(request, subject="s", role=role, permissions=[CLASSIFY], reply=reply)
    return type(caught.value)


def request(**changes: str) -> ClassificationRequest:
    fields = {
        "request_id": "r-1",
        "tenant_id": "t1",
        "model_type": "principles",
        "language": "vi",
        "text": "x",
    }
    return ClassificationRequest(**{**fields, **changes})


def test_each_thing_a_worker_would_refuse_is_refused_before_it_is_sent() -> None:
    assert refusal(request(model_type="astrology")) is UnknownModelType
    assert refusal(request(language="fr")) is UnsupportedLanguage
    assert refusal(request(text="")) is EmptyText
    assert refusal(request(text=" \t\n\u00a0")) is EmptyText
    assert refusal(request(text="x" * (MAX_TEXT_CHARS + 1))) is TextTooLong
    assert refusal(request(text="half \ud83d")) is InvalidRequest
    assert refusal(request(request_id="")) is InvalidId
    assert refusal(request(request_id="r" * 129)) is InvalidId
    assert refusal(request(request_id="two\nlines")) is InvalidId
    assert refusal(request(request_id="half \ud83d")) is InvalidId
    assert refusal(request(tenant_id="t" * 129)) is InvalidId
    assert refusal(request(tenant_id="t\0")) is InvalidId
    assert refusal(REQUEST, ReplyAddress("veriaidpo.replies.t", 0, b"")) is InvalidRequest
    assert refusal(REQUEST, ReplyAddress("veriaidpo.replies.t", 0, b"c" * 257)) is InvalidRequest


def test_a_token_larger_than_workers_read_is_refused_as_too_large() -> None:
    assert refusal(REQUEST, role="r" * 9000) is RequestTooLarge


def test_longest_text_in_the_widest_letters_is_accepted() -> None:
    record = publisher().sign(
        request(text="\U0001f600" * MAX_TEXT_CHARS), subject="s", role="dpo", permissions=[CLASSIFY]
    )
    assert len(record.value) > 4 * MAX_TEXT_CHARS


def test_record_is_signed_over_its_value_topic_and_reply_address() -> None:
    reply = ReplyAddress("veriaidpo.replies.tickets", 2, b"\x00\xffid")
    record = publisher().sign(
        REQUEST, subject="svc", role="dpo", permissions=[CLASSIFY], reply=reply, deadline_ms=1_900_000_000_000
    )
    assert (record.topic, record.key) == ("veriaidpo.requests.principles", b"r-1")
    assert Codec().decode(record.value) == REQUEST
    headers = read_request_headers(record.headers)
    assert (headers.ce_id, headers.reply, headers.deadline_ms) == ("r-1", reply, 1_900_000_000_000)
    now_ms = int(NOW.timestamp() * 1000)
    claims = verify_signature(headers.token, ISSUERS, append_time_ms=now_ms)
    assert (claims.issuer, claims.subject, claims.tenant_id) == ("tickets", "svc", "t1")
    assert (claims.topic, claims.reply, claims.request_id) == (record.topic, reply, "r-1")
    assert claims.issued_at_s == now_ms // 1000


def test_key_file_that_is_none_is_named_without_its_content(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    for content in ("", "[]", '{"issuer": "i"}', '{"issuer":"i","kid":"k","algorithm":"HS256","key":7}'):
        path.write_text(content)
        with pytest.raises(ConfigurationError, match=r"key\.json"):
            read_signing_key(path)
    with pytest.raises(ConfigurationError, match="missing"):
        read_signing_key(tmp_path / "missing.json")


def test_key_file_gives_the_signing_key(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    path.write_text(json.dumps({name: getattr(SIGNING_KEY, name) for name in FIELDS}))
    assert read_signing_key(path) == SIGNING_KEY
