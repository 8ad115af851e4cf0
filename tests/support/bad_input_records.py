"""Requests bent in one place each: before they are signed, or behind the signer's back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import structs

from schemas.claims import SigningKey
from schemas.codec import Codec
from schemas.events import ClassificationRequest
from schemas.headers import AUTHORIZATION, request_headers
from schemas.identity import digest_of
from schemas.reply import ReplyAddress, reply_claim
from schemas.topics import reply_topic, request_topic

MODEL_TYPE = "dpo_tasks"
TOPIC = request_topic(MODEL_TYPE)
TENANT = "tenant-a"
REPLIES = reply_topic("tests")
OTHER_REPLIES = reply_topic("bridge")
CLASSIFY = "processing_activity.read"
CODEC = Codec()
TEXT = "Bổ nhiệm người phụ trách bảo vệ dữ liệu cá nhân trước ngày 1 tháng 1."
SECRET = "the-crm-signs-with-this-in-these-tests"
CRM = SigningKey("crm", "crm-2", "HS256", SECRET)
CRM_BEFORE = SigningKey("crm", "crm-1", "HS256", "the-crm-still-has-its-last-key-as-well")
CRM_LONG_AGO = SigningKey("crm", "crm-0", "HS256", "the-crm-gave-up-this-key-years-ago-now")
CARELESS = SigningKey("careless", "c-1", "HS256", "an-issuer-that-is-listed-with-wildcards")
ANALYST = SigningKey("analyst", "a-1", "HS256", "this-issuer-may-read-figures-and-no-more")
NEIGHBOURS = SigningKey("neighbours", "n-1", "HS256", "those-who-go-on-asking-through-it-all")
STRANGER = SigningKey("stranger", "s-1", "HS256", "nobody-has-listed-this-issuer-anywhere")


def write_issuers(path: Path) -> Path:
    """The CRM may speak for one tenant; the careless one was listed by somebody in a hurry."""
    crm = {
        "name": "crm",
        "keys": [
            {"kid": key.kid, "algorithm": "HS256", "secret": key.key, **window}
            for key, window in (
                (CRM, {}),
                (CRM_BEFORE, {"not_after": "2999-01-01T00:00:00Z"}),
                (CRM_LONG_AGO, {"not_after": "2020-01-01T00:00:00Z"}),
            )
        ],
        "tenants": [TENANT],
        "permissions": [CLASSIFY],
        "topics": [TOPIC, request_topic("regional")],
        "reply_topics": ["veriaidpo.replies.*"],
    }
    careless = {
        "name": "careless",
        "keys": [{"kid": CARELESS.kid, "algorithm": "HS256", "secret": CARELESS.key}],
        "tenants": ["*"],
        "permissions": ["*"],
        "topics": ["*"],
        "reply_topics": ["*"],
    }
    analyst = {
        **crm,
        "name": "analyst",
        "keys": [{"kid": ANALYST.kid, "algorithm": "HS256", "secret": ANALYST.key}],
        "permissions": ["analytics.read"],
    }
    neighbours = {
        **crm,
        "name": "neighbours",
        "keys": [{"kid": NEIGHBOURS.kid, "algorithm": "HS256", "secret": NEIGHBOURS.key}],
        "tenants": ["neighbour-*"],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"issuers": [crm, careless, analyst, neighbours]}))
    return path


@dataclass(frozen=True)
class Sent:
    """A record as it is sent; `codec` is Kafka's number of what it is compressed with."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    codec: int = 0

    def with_header(self, name: str, value: bytes | None) -> Sent:
        """The header's value replaced."""
        return replace(self, headers=tuple((n, value if n == name else v) for n, v in self.headers))

    def and_header(self, name: str, value: bytes | None) -> Sent:
        """One more header, whatever there is already."""
        return replace(self, headers=(*self.headers, (name, value)))

    def without_header(self, name: str) -> Sent:
        return replace(self, headers=tuple(header for header in self.headers if header[0] != name))

    def with_token(self, token: str) -> Sent:
        return self.with_header(AUTHORIZATION, b"Bearer " + token.encode())


@dataclass(frozen=True)
class Draft:
    """A good request before it is signed; whatever is changed in here, the signature covers."""

    request: ClassificationRequest
    reply: ReplyAddress | None
    claims: Mapping[str, Any] = field(default_factory=dict)
    signing_key: SigningKey = CRM
    deadline_ms: int | None = None

    @classmethod
    def of(cls, request_id: str) -> Draft:
        request = ClassificationRequest(request_id, TENANT, MODEL_TYPE, "vi", TEXT)
        return cls(request, ReplyAddress(REPLIES, 0, request_id.encode()))

    def asking(self, **changes: str) -> Draft:
        """With another text, language, tenant, …"""
        return replace(self, request=structs.replace(self.request, **changes))

    def claiming(self, **changes: Any) -> Draft:
        """With other claims than the request's, under their names in the token."""
        return replace(self, claims={**self.claims, **changes})

    def signed_by(self, key: SigningKey) -> Draft:
        return replace(self, signing_key=key)

    def replying(self, **changes: Any) -> Draft:
        """With another reply address."""
        assert self.reply is not None
        return replace(self, reply=structs.replace(self.reply, **changes))

    def sign(self) -> Sent:
        """The record that a publisher would send."""
        return self.sign_value(CODEC.encode(self.request))

    def sign_value(self, value: bytes | None) -> Sent:
        """A record with that value, and a token that is good for it."""
        headers = request_headers(
            token=self.token(digest=digest_of(value or b"")),
            request_id=self.request.request_id,
            source="//crm",
            reply=self.reply,
            deadline_ms=self.deadline_ms,
            now=datetime.now(UTC),
        )
        return Sent(self.request.request_id.encode(), value, tuple(headers))

    def token(self, *, digest: str) -> str:
        issued_at_s = int(datetime.now(UTC).timestamp())
        claims: dict[str, Any] = {
            "iss": self.signing_key.issuer,
            "aud": "veriaidpo",
            "sub": "user-1",
            "role": "dpo",
            "tenant_id": self.request.tenant_id,
            "permissions": [CLASSIFY],
            "iat": issued_at_s,
            "exp": issued_at_s + 300,
            "jti": self.request.request_id,
            "topic": TOPIC,
            "digest": digest,
            "reply": None if self.reply is None else reply_claim(self.reply),
        }
        return self.signing_key.sign_event(json.dumps({**claims, **self.claims}).encode())
