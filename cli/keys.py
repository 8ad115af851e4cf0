"""Which keys a command signs and verifies with: the ones that settings name, else the development ones."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal

from cli.roles import ROLES
from cli.settings import Settings
from connectors.installation import Installation, development_installation
from connectors.publishing.keys import read_signing_key
from schemas.claims.bearer import mint_bearer
from schemas.claims.mint import SigningKey
from schemas.errors import ConfigurationError

TOKEN_LIFETIME_S = 12 * 3600


def signing_key(settings: Settings, who: Literal["bridge", "publisher"]) -> SigningKey:
    """The key that signs the events of the bridge or of `veriaidpo publish`."""
    named = settings.bridge_key_file if who == "bridge" else settings.publisher_key_file
    if named is not None:
        return read_signing_key(named)
    installation = _development(settings, f"VERIAIDPO_{who.upper()}_KEY_FILE", "it signs events")
    return read_signing_key(installation.bridge_key if who == "bridge" else installation.publisher_key)


def caller_secret(settings: Settings) -> str:
    """The secret that callers' bearer tokens are verified with."""
    if settings.jwt_secret is not None:
        return settings.jwt_secret.get_secret_value()
    return _development(settings, "JWT_SECRET_KEY", "it verifies callers' tokens").jwt_secret


def refuse_shared(secret: str, key: SigningKey) -> None:
    """Refuse a bridge whose two keys are one: whoever can mint a caller's token could sign records."""
    if key.key == secret:
        raise ConfigurationError(
            setting="JWT_SECRET_KEY",
            reason="it is also the key that signs events; callers and events never share one, make another",
        )


def issuers_file(settings: Settings) -> Path:
    """Whose events workers take."""
    if settings.issuers_file is not None:
        return settings.issuers_file
    return _development(settings, "VERIAIDPO_ISSUERS_FILE", "it says whose events are taken").issuers_file


def require_development(settings: Settings, command: str) -> None:
    """Refuse outside development mode: what `command` makes has no place in production."""
    if settings.mode != "development":
        raise ConfigurationError(
            setting="VERIAIDPO_MODE",
            reason=f"`{command}` works in development mode only; set it to development",
        )


def development_token(
    settings: Settings, *, role: str, tenant_id: str, lifetime_s: int = TOKEN_LIFETIME_S
) -> str:
    """A caller's token with the permissions of `role`."""
    return mint_bearer(
        secret=caller_secret(settings),
        algorithm=settings.jwt_algorithm,
        subject=f"development-{role}",
        role=role,
        tenant_id=tenant_id,
        permissions=ROLES[role],
        now_s=int(time.time()),
        lifetime_s=lifetime_s,
    )


def _development(settings: Settings, setting: str, purpose: str) -> Installation:
    if settings.mode != "development":
        raise ConfigurationError(
            setting=setting, reason=f"it isn't set, and in production nothing stands in for it; {purpose}"
        )
    return development_installation(settings.home)
