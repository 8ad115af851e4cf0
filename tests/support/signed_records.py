"""Requests as a publisher signs them, and as somebody may bend them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from connectors.installation import development_installation
from connectors.publishing.keys import read_signing_key
from schemas.claims import SigningKey, mint_event_claims
from schemas.codec import Codec
from schemas.events import ClassificationRequest
from schemas.headers import request_headers
from schemas.identity import digest_of
from schemas.reply import ReplyAddress
from schemas.topics import request_topic

CLASSIFY = "processing_activity.read"
CODEC = Codec()


@dataclass(frozen=True)
class SignedRecord:
    """A record as it goes onto its topic."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]

    def header(self, name: str, value: bytes | None) -> SignedRecord:
        """The same record with another value of a header; None leaves it out."""
        kept = tuple(header for header in self.headers if header[0] != name)
        return replace(self, headers=kept if value is None else (*kept, (name, value)))


def signing_key(home: Path) -> SigningKey:
    """The publisher's key of a development installation, made where there is none."""
    return read_signing_key(development_installation(home).publisher_key)


def signed_record(
    key: SigningKey,
    text: str = "Công ty phải xin sự đồng ý của khách hàng.",
    *,
    model_type: str = "principles",
    value_model_type: str | None = None,
    tenant_id: str = "t1",
    signed_tenant_id: str | None = None,
    language: str = "vi",
    reply: ReplyAddress | None = None,
    deadline_ms: int | None = None,
    permissions: Sequence[str] = (CLASSIFY,),
    age_s: int = 0,
    lifetime_s: int = 300,
    value: bytes | None = None,
    request_id: str | None = None,
) -> SignedRecord:
    """A valid record, but for what the arguments bend; claims are minted over what it then is."""
    request_id = request_id or str(uuid4())
    topic = request_topic(model_type)
    if value is None:
        request = ClassificationRequest(request_id, tenant_id, value_model_type or model_type, language, text)
        value = CODEC.encode(request)
    issued_at_s = int(time.time()) - age_s
    token = mint_event_claims(
        signing_key=key,
        subject="test",
        role="service",
        tenant_id=signed_tenant_id or tenant_id,
        permissions=permissions,
        request_id=request_id,
        topic=topic,
        digest=digest_of(value),
        reply=reply,
        issued_at_s=issued_at_s,
        expires_at_s=issued_at_s + lifetime_s,
    )
    headers = request_headers(
        token=token,
        request_id=request_id,
        source="tests",
        now=datetime.now(UTC),
        reply=reply,
        deadline_ms=deadline_ms,
    )
    return SignedRecord(topic, request_id.encode(), value, tuple(headers))
