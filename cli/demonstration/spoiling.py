"""Records that a careless or hostile publisher would send: signed requests, spoilt in one known way each.

The demonstration and the chaos run send them; a worker must dead-letter each one, byte for byte.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from msgspec import structs

from connectors.publishing.publisher import SignedRecord
from schemas import permissions
from schemas.claims.mint import SigningKey, mint_event_claims
from schemas.codec import Codec
from schemas.events import ClassificationRequest
from schemas.headers import request_headers
from schemas.identity import digest_of
from schemas.topics import request_topic

CLASSIFY = (permissions.CLASSIFY,)
LIFETIME_S = 300


@dataclass(frozen=True)
class _Recipe:
    """What is done to a good record; `signed` says whether the token is over the spoilt value."""

    request: Callable[[ClassificationRequest], ClassificationRequest] = lambda request: request
    value: Callable[[bytes], bytes] = lambda value: value
    signed: bool = True
    forged: bool = False
    age: timedelta = timedelta()


_RECIPES: Mapping[str, _Recipe] = {
    "random_bytes": _Recipe(value=lambda _: os.urandom(64)),
    "empty_value": _Recipe(value=lambda _: b""),
    "truncated": _Recipe(value=lambda value: value[:-5]),
    "wrong_digest": _Recipe(value=lambda value: value.replace(b" ", b"_"), signed=False),
    "forged_signature": _Recipe(forged=True),
    "expired_claims": _Recipe(age=timedelta(hours=3)),
    "blank_text": _Recipe(request=lambda request: structs.replace(request, text="   ")),
    "wrong_language": _Recipe(request=lambda request: structs.replace(request, language="fr")),
    "unknown_model_type": _Recipe(request=lambda request: structs.replace(request, model_type="astrology")),
}
SPOILT_WAYS = tuple(_RECIPES)


def spoil(way: str, request: ClassificationRequest, *, key: SigningKey, topic: str = "") -> SignedRecord:
    """The record of `request`, spoilt in one of SPOILT_WAYS, for `topic` (by default the request's own)."""
    recipe = _RECIPES[way]
    topic = topic or request_topic(request.model_type)
    good = Codec().encode(recipe.request(request))
    value = recipe.value(good)
    now = datetime.now(UTC) - recipe.age
    token = mint_event_claims(
        signing_key=replace(key, key=secrets.token_urlsafe(48)) if recipe.forged else key,
        subject="demonstration",
        role="service",
        tenant_id=request.tenant_id,
        permissions=CLASSIFY,
        request_id=request.request_id,
        topic=topic,
        digest=digest_of(value if recipe.signed else good),
        reply=None,
        issued_at_s=int(now.timestamp()),
        expires_at_s=int(now.timestamp()) + LIFETIME_S,
    )
    headers = request_headers(token=token, request_id=request.request_id, source="demonstration", now=now)
    return SignedRecord(topic, request.request_id.encode(), value, headers)
