"""Signing: the claims that go with one record."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from jwt.api_jws import PyJWS
from jwt.exceptions import PyJWTError

from ..errors import ConfigurationError
from ..reply import ReplyAddress, reply_claim
from .keys import ALGORITHMS
from .keys import signing_key as load_signing_key

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

    def __post_init__(self) -> None:
        self._prepared  # noqa: B018 - a bad key is refused now, not at the first record

    @cached_property
    def _prepared(self) -> object:
        return load_signing_key(self.key, self.algorithm, kid=self.kid)

    def sign(self, payload: bytes, *, typ: str) -> str:
        """The payload as a compact JWS."""
        headers = {"typ": typ, "kid": self.kid}
        try:
            return _JWS.encode(payload, self._prepared, self.algorithm, headers=headers)  # type: ignore[arg-type]
        except PyJWTError as error:
            raise ConfigurationError(setting=f"key {self.kid}", reason="it can't sign") from error


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
    return signing_key.sign(json.dumps(claims, separators=(",", ":")).encode(), typ=EVENT_TYPE)


_JWS = PyJWS(algorithms=ALGORITHMS)
