"""Signing: the claims that go with one record."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from .. import base64url
from ..reply import ReplyAddress, reply_claim
from .jws import compact_header
from .keys import Signer

AUDIENCE = "veriaidpo"
EVENT_TYPE = "veriaidpo-event+jwt"
DEFAULT_LIFETIME_S = 300
"""From signing to the broker's append, not to the answer: a consumer that lags refuses nothing."""


@dataclass(frozen=True)
class SigningKey:
    """What an issuer signs with: a secret for HS256, a PEM private key for RS256 and EdDSA."""

    issuer: str
    kid: str
    algorithm: str
    key: str = field(repr=False)

    _signer: Signer = field(init=False, repr=False, compare=False)
    _header: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # A bad key is refused here, not at the first record; a good one is parsed once.
        object.__setattr__(self, "_signer", Signer(self.key, self.algorithm, kid=self.kid))
        header = compact_header({"typ": EVENT_TYPE, "alg": self.algorithm, "kid": self.kid})
        object.__setattr__(self, "_header", header)

    def sign_event(self, payload: bytes) -> str:
        """The payload as an event token: the only kind that this key signs."""
        signing_input = self._header + b"." + base64url.encode(payload)
        signature = base64url.encode(self._signer.sign(signing_input))
        return (signing_input + b"." + signature).decode("ascii")


def mint_event_claims(
    *,
    signing_key: SigningKey,
    subject: str,
    role: str,
    tenant_id: str,
    permissions: Sequence[str],
    request_id: str,
    topic: str,
    digest: str,
    reply: ReplyAddress | None,
    issued_at_s: int,
    expires_at_s: int | None = None,
) -> str:
    """The token of one record: who asks, for whom, and exactly which bytes, topic and reply address.

    `digest` is `identity.digest_of(value)`; without `expires_at_s` the token lives five minutes.
    """
    claims = {
        "iss": signing_key.issuer,
        "aud": AUDIENCE,
        "sub": subject,
        "role": role,
        "tenant_id": tenant_id,
        "permissions": list(permissions),
        "iat": issued_at_s,
        "exp": issued_at_s + DEFAULT_LIFETIME_S if expires_at_s is None else expires_at_s,
        "jti": request_id,
        "topic": topic,
        "digest": digest,
        "reply": None if reply is None else reply_claim(reply),
    }
    return signing_key.sign_event(json.dumps(claims, separators=(",", ":")).encode())
