"""One dead letter, and as much of it as can be read. Nothing in it is believed: the worker refused it."""

from __future__ import annotations

import json
from typing import Literal

import msgspec
from aiokafka import ConsumerRecord

from schemas.claims.jws import read_compact
from schemas.codec import Codec
from schemas.content import is_id
from schemas.errors import Internal, VeriAIDPOError
from schemas.events import ClassificationRequest
from schemas.headers import AUTHORIZATION
from schemas.provenance import Provenance, read_provenance
from schemas.topics import model_type_of

NO_REASON = "(none)"
NO_VALUE = "NO_VALUE"
OTHER_EVENT = "OTHER_EVENT"

TenantSource = Literal["value", "unverified_claims"]


class DeadLetter(msgspec.Struct, frozen=True):
    """A record of veriaidpo.dead-letters; `undecoded` is the code of why there is no `request`."""

    partition: int
    offset: int
    appended_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    provenance: Provenance
    request: ClassificationRequest | None
    undecoded: str | None
    claimed_tenant: str | None

    @property
    def reason(self) -> str:
        """The error code with which a worker refused it."""
        return self.provenance.error_code or NO_REASON

    @property
    def model_type(self) -> str | None:
        """Of the topic where it was, which a worker wrote down; else what the value says."""
        try:
            return model_type_of(self.provenance.topic or "")
        except VeriAIDPOError:
            return self.request.model_type if self.request is not None else None

    @property
    def tenant_id(self) -> str | None:
        return self.request.tenant_id if self.request is not None else self.claimed_tenant

    @property
    def tenant_from(self) -> TenantSource | None:
        """Where the tenant is read: the claims' signature isn't checked here."""
        if self.request is not None:
            return "value"
        return None if self.claimed_tenant is None else "unverified_claims"

    def __repr__(self) -> str:
        # Never its bytes: a value holds somebody's text, a header their token.
        return f"DeadLetter([{self.partition}]@{self.offset})"


def read_letter(record: ConsumerRecord[bytes | None, bytes | None], codec: Codec) -> DeadLetter:
    """Takes every record. RegistryUnavailable where a schema registry is needed and away."""
    request, undecoded = _request(record.value, codec)
    headers = tuple(record.headers)
    return DeadLetter(
        partition=record.partition,
        offset=record.offset,
        appended_ms=record.timestamp,
        key=record.key,
        value=record.value,
        headers=headers,
        provenance=read_provenance(headers),
        request=request,
        undecoded=undecoded,
        claimed_tenant=_claimed_tenant(headers),
    )


def is_authorization(header: str) -> bool:
    """Whether a header holds a token: it is never shown and never exported."""
    return header.strip().lower() == AUTHORIZATION


def _request(value: bytes | None, codec: Codec) -> tuple[ClassificationRequest | None, str | None]:
    if value is None:
        return None, NO_VALUE
    try:
        event = codec.decode(value)
    except VeriAIDPOError as error:
        if error.retriable:
            raise
        return None, error.code
    except Exception:  # what stopped a worker's decoder must not stop ours: such a letter is why one looks
        return None, Internal.code
    return (event, None) if isinstance(event, ClassificationRequest) else (None, OTHER_EVENT)


def _claimed_tenant(headers: tuple[tuple[str, bytes | None], ...]) -> str | None:
    for name, value in headers:
        if value and is_authorization(name):
            try:
                token = value.decode("ascii").partition(" ")[2].strip()
                claims = json.loads(read_compact(token).payload)
            except (ValueError, RecursionError):
                return None
            tenant = claims.get("tenant_id") if isinstance(claims, dict) else None
            return tenant if isinstance(tenant, str) and is_id(tenant) else None
    return None
