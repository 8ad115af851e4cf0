"""The issuer list's file: its shape, and what it says as the values that claims are checked with.

    {"issuers": [{
      "name": "https://crm.example.vn",
      "keys": [{"kid": "2026-01", "algorithm": "EdDSA", "public_key_file": "crm.pem",
                "not_after": "2026-07-01T00:00:00Z"}],
      "tenants": ["acme"], "permissions": ["processing_activity.read"],
      "topics": ["veriaidpo.requests.*"], "reply_topics": ["veriaidpo.replies.crm"]}]}

In place of `keys`, or beside them, an issuer may publish a key set: `"jwks": {"url": …, "algorithm": …}`
or `"jwks": {"file": …, "algorithm": …}`. Files are taken from the list's own folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from schemas.claims import Issuer, VerifyingKey
from schemas.errors import ConfigurationError

Names = Annotated[frozenset[str], Field(default_factory=frozenset)]


class _Model(BaseModel):
    # Input is hidden: an error about a list of secrets must not quote one.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class KeyEntry(_Model):
    """One key; exactly one of the four says which."""

    kid: str = Field(min_length=1, max_length=128)
    algorithm: Literal["HS256", "RS256", "EdDSA"]
    secret: SecretStr | None = None
    secret_file: Path | None = None
    public_key: str | None = None
    public_key_file: Path | None = None
    not_before: AwareDatetime | None = None
    not_after: AwareDatetime | None = None

    @model_validator(mode="after")
    def _one_key(self) -> KeyEntry:
        secrets = sum(one is not None for one in (self.secret, self.secret_file))
        public = sum(one is not None for one in (self.public_key, self.public_key_file))
        if self.algorithm == "HS256" and (secrets, public) != (1, 0):
            raise ValueError("a key for HS256 names secret or secret_file, and nothing else")
        if self.algorithm != "HS256" and (secrets, public) != (0, 1):
            raise ValueError(
                f"a key for {self.algorithm} names public_key or public_key_file, and nothing else"
            )
        return self


class KeySetEntry(_Model):
    """A JWKS, in a file or behind an address; public keys only."""

    file: Path | None = None
    url: str | None = None
    algorithm: Literal["RS256", "EdDSA"]

    @model_validator(mode="after")
    def _one_place(self) -> KeySetEntry:
        if (self.file is None) == (self.url is None):
            raise ValueError("a key set names file or url")
        if self.url is not None:
            parts = urlsplit(self.url)
            local = parts.hostname in ("localhost", "127.0.0.1", "::1")
            # Whoever answers this address decides whose signatures are believed.
            if parts.scheme != "https" and not (parts.scheme == "http" and local):
                raise ValueError("a key set's url is https (http only on this machine)")
        return self


class IssuerEntry(_Model):
    """An issuer, its keys, and what it may claim."""

    name: str = Field(min_length=1, max_length=256)
    keys: tuple[KeyEntry, ...] = ()
    jwks: KeySetEntry | None = None
    tenants: Names
    permissions: Names
    topics: Names
    reply_topics: Names

    @model_validator(mode="after")
    def _has_keys(self) -> IssuerEntry:
        if not self.keys and self.jwks is None:
            raise ValueError("an issuer has keys or jwks")
        return self

    def issuer(self, keys: Sequence[VerifyingKey]) -> Issuer:
        return Issuer(
            name=self.name,
            keys=tuple(keys),
            tenants=self.tenants,
            permissions=self.permissions,
            topics=self.topics,
            reply_topics=self.reply_topics,
        )


class IssuerFile(_Model):
    """The whole list."""

    issuers: tuple[IssuerEntry, ...]


def read_issuer_file(path: Path) -> IssuerFile:
    """The list in that file; ConfigurationError says what is wrong with it, and quotes nothing of it."""
    try:
        return IssuerFile.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(
            setting="issuers file", reason=f"{path} can't be read ({error.strerror})"
        ) from None
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, part['loc'])) or 'file'}: {part['msg']}"
            for part in error.errors(include_url=False, include_input=False, include_context=False)
        )
        raise ConfigurationError(setting="issuers file", reason=f"{path}: {wrong}") from None


def listed_keys(entry: IssuerEntry, folder: Path) -> list[VerifyingKey]:
    """The keys that the list itself holds or names files for."""
    return [
        VerifyingKey(
            kid=key.kid,
            algorithm=key.algorithm,
            key=_key_of(key, folder),
            not_before_ms=_epoch_ms(key.not_before),
            not_after_ms=_epoch_ms(key.not_after),
        )
        for key in entry.keys
    ]


def _key_of(key: KeyEntry, folder: Path) -> str:
    if key.secret is not None:
        return key.secret.get_secret_value()
    if key.public_key is not None:
        return key.public_key
    path = folder / (key.secret_file or key.public_key_file or "")
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            setting=f"key {key.kid}", reason=f"{path} can't be read ({type(error).__name__})"
        ) from None


def _epoch_ms(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() * 1000)
