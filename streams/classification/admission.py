"""From a record to a request that may be classified, or to the reason why not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

import msgspec

from schemas.claims import EventClaims, IssuerList, check_claims, check_record, may_reply, verify_signature
from schemas.codec import Codec
from schemas.errors import DeadlineExceeded, NotAvro, Unavailable, UnknownKey, VeriAIDPOError
from schemas.events import ClassificationRequest
from schemas.headers import RequestHeaders, read_request_headers, read_token
from schemas.permissions import CLASSIFY
from streams.classification.lookups import Lookups
from streams.delivery.records import Record


class Issuers(Protocol):
    """Who may sign, as `connectors.issuers.IssuerSource` knows it."""

    def current(self) -> IssuerList: ...

    async def refresh_for_unknown(self, issuer: str, kid: str) -> IssuerList: ...


class Admitted(msgspec.Struct, frozen=True):
    """A request that is what its publisher signed, and that its publisher may make."""

    record: Record
    request: ClassificationRequest
    claims: EventClaims
    headers: RequestHeaders


class Refused(msgspec.Struct, frozen=True):
    """A dead letter; `claims` are there only where the signature verifies: then the failure is answered."""

    record: Record
    error: VeriAIDPOError
    claims: EventClaims | None


class Admission:
    """Checks records one by one. Only their own bytes decide, and the issuer list; nothing here waits."""

    def __init__(self, *, codec: Codec, issuers: Issuers, clock_ms: Callable[[], float]) -> None:
        self._codec = codec
        self._issuers = issuers
        self._clock_ms = clock_ms
        self._lookups = Lookups()

    def admit(self, record: Record) -> Admitted | Refused:
        """Decode, verify, check.

        Raises Unavailable where keys or a schema can't be had just now: the record waits. An unexpected
        exception is the caller's to guard.
        """
        claims: EventClaims | None = None
        try:
            request = self._decode(record.value)
            headers = read_request_headers(record.headers)
            claims = self._verify(headers.token, record)
            check_claims(
                claims,
                self._issuers.current(),
                topic=record.topic,
                value=record.value or b"",
                headers=headers,
                append_time_ms=record.timestamp_ms,
                now_ms=int(self._clock_ms()),
                required_permission=CLASSIFY,
            )
            check_record(claims, headers, record.key, request, record.topic)
            if headers.deadline_ms is not None and headers.deadline_ms <= self._clock_ms():
                raise DeadlineExceeded
        except Unavailable:
            raise
        except VeriAIDPOError as error:
            return self.refuse(record, error, claims)
        return Admitted(record, request, claims, headers)

    def refuse(self, record: Record, error: VeriAIDPOError, claims: EventClaims | None = None) -> Refused:
        """A refusal that is answered only at an address that a known issuer signed, and may write to."""
        claims = claims or self._signed(record)
        answerable = claims is not None and may_reply(claims, self._issuers.current())
        return Refused(record, error, claims if answerable else None)

    def _decode(self, value: bytes | None) -> ClassificationRequest:
        if value and not self._codec.knows(value):
            self._lookups.settle(value[:5], lambda: asyncio.to_thread(self._codec.decode, value))
        event = self._codec.decode(value)
        if not isinstance(event, ClassificationRequest):
            kind = type(event).__name__
            raise NotAvro(reason=f"it is a {kind}", reason_vi=f"đó là một {kind}")
        return event

    def _verify(self, token: str, record: Record) -> EventClaims:
        try:
            return verify_signature(token, self._issuers.current(), append_time_ms=record.timestamp_ms)
        except UnknownKey as error:
            issuer, kid = str(error.details["issuer"]), str(error.details["kid"])
            self._lookups.settle((issuer, kid), lambda: self._issuers.refresh_for_unknown(issuer, kid))
            # Asked once; a key that isn't there now isn't one.
            return verify_signature(token, self._issuers.current(), append_time_ms=record.timestamp_ms)

    def _signed(self, record: Record) -> EventClaims | None:
        try:
            token = read_token(record.headers)
            return verify_signature(token, self._issuers.current(), append_time_ms=record.timestamp_ms)
        except VeriAIDPOError:
            return None
