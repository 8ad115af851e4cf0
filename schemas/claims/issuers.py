"""Who may sign records, with which keys, and what each may claim."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from ..errors import ClaimsUnverified, ConfigurationError, UnknownKey
from ..topics import REPLY_PREFIX
from .keys import PublicKey, Verifier

ANY = "*"


@dataclass(frozen=True)
class VerifyingKey:
    """One key of an issuer; its window says when records signed with it may have been appended."""

    kid: str
    algorithm: str
    key: str | bytes | PublicKey = field(repr=False)
    not_before_ms: int | None = None
    not_after_ms: int | None = None
    verifier: Verifier = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Made once here: parsing a key costs more than checking a signature with it.
        object.__setattr__(self, "verifier", Verifier(self.key, self.algorithm, kid=self.kid))

    def is_valid_at(self, at_ms: int) -> bool:
        return (self.not_before_ms is None or self.not_before_ms <= at_ms) and (
            self.not_after_ms is None or at_ms < self.not_after_ms
        )


@dataclass(frozen=True)
class Issuer:
    """A publisher of records. Names, or patterns that end in '*', of what it may claim."""

    name: str
    keys: tuple[VerifyingKey, ...]
    tenants: frozenset[str]
    permissions: frozenset[str]
    topics: frozenset[str]
    reply_topics: frozenset[str] = frozenset()

    def may_claim_tenant(self, tenant_id: str) -> bool:
        return _allowed(tenant_id, self.tenants)

    def may_claim_permission(self, permission: str) -> bool:
        return _allowed(permission, self.permissions)

    def may_claim_topic(self, topic: str) -> bool:
        return _allowed(topic, self.topics)

    def may_claim_reply_topic(self, topic: str) -> bool:
        return topic.startswith(REPLY_PREFIX) and _allowed(topic, self.reply_topics)


class IssuerList:
    """The issuers by name. Immutable: a change of keys makes a new list."""

    def __init__(self, issuers: Iterable[Issuer]) -> None:
        self._issuers: dict[str, Issuer] = {}
        self._keys: dict[tuple[str, str], VerifyingKey] = {}
        for issuer in issuers:
            if issuer.name in self._issuers:
                raise ConfigurationError(setting="issuers", reason=f"{issuer.name} is listed twice")
            self._issuers[issuer.name] = issuer
            for key in issuer.keys:
                if (issuer.name, key.kid) in self._keys:
                    raise ConfigurationError(
                        setting="issuers", reason=f"{issuer.name} has two keys with the id {key.kid}"
                    )
                self._keys[issuer.name, key.kid] = key

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._issuers)

    def issuer(self, name: str) -> Issuer:
        """That issuer; ClaimsUnverified where nobody of that name is trusted."""
        found = self._issuers.get(name)
        if found is None:
            raise ClaimsUnverified(
                reason="the issuer isn't in the issuer list",
                reason_vi="bên phát hành không có trong danh sách",
            )
        return found

    def key(self, issuer: str, kid: str, at_ms: int) -> VerifyingKey:
        """The issuer's key of that id; UnknownKey where there is none, ClaimsUnverified out of its window."""
        self.issuer(issuer)
        key = self._keys.get((issuer, kid))
        if key is None:
            raise UnknownKey(
                reason="its key id isn't one of the issuer's",
                reason_vi="mã khóa không phải của bên phát hành",
                issuer=issuer,
                kid=kid[:128],
            )
        if not key.is_valid_at(at_ms):
            raise ClaimsUnverified(
                reason="its key wasn't valid when the record was appended",
                reason_vi="khóa không có hiệu lực khi bản ghi được ghi nhận",
            )
        return key


@lru_cache(maxsize=4096)  # the same few names in every record
def _allowed(name: str, patterns: frozenset[str]) -> bool:
    if name in patterns and not name.endswith(ANY):
        return True
    return any(pattern.endswith(ANY) and name.startswith(pattern[:-1]) for pattern in patterns)
