"""Callers' tokens, and the one secret that verifies them."""

from __future__ import annotations

import time

from pydantic import SecretStr

from schemas.claims.bearer import Caller, verify_bearer
from schemas.claims.keys import check_secret


class CallerTokens:
    """Verifies callers' tokens; ConfigurationError for a secret under 32 bytes.

    Their key is never an event's key, and event tokens are refused by type: neither passes for the other.
    """

    def __init__(self, secret: SecretStr, algorithm: str = "HS256") -> None:
        check_secret(secret.get_secret_value(), "JWT_SECRET_KEY")  # now, not at the first caller
        self._secret = secret.get_secret_value()
        self._algorithm = algorithm

    def verify(self, token: str) -> Caller:
        """The caller that `token` names; Unauthenticated where it is expired, forged or not for us."""
        return verify_bearer(token, secret=self._secret, algorithm=self._algorithm, now_s=time.time())
