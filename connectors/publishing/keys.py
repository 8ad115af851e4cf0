"""Reads the file that holds a publisher's signing key."""

from __future__ import annotations

import json
from pathlib import Path

from schemas.claims.mint import SigningKey
from schemas.errors import ConfigurationError

FIELDS = ("issuer", "kid", "algorithm", "key")


def read_signing_key(path: Path) -> SigningKey:
    """A JSON object with `issuer`, `kid`, `algorithm` and `key` (a secret, or a private key as PEM)."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        fields = {name: content[name] for name in FIELDS}
    except (OSError, ValueError, TypeError, KeyError) as error:
        # The error's own text may quote the file.
        raise ConfigurationError(
            setting="signing key", reason=f"{path} can't be read as one ({type(error).__name__})"
        ) from None
    if not all(isinstance(value, str) for value in fields.values()):
        raise ConfigurationError(setting="signing key", reason=f"{path} holds {', '.join(FIELDS)} as strings")
    return SigningKey(**fields)
