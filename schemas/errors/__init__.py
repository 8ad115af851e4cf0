"""Everything that can go wrong, as one tree.

VeriAIDPOError
├── BadRecord                   dead-lettered, never retried
│   ├── NotAvro                 bytes that no schema of ours explains
│   ├── UnknownSchema, TruncatedRecord, TrailingBytes
│   ├── BadHeaders              headers missing, doubled, oversized or not text
│   ├── RecordMismatch          key, value, headers and claims name different things
│   ├── InvalidId               a request or tenant id that can't be one
│   ├── ClaimsRefused           what the publisher signed doesn't allow this record
│   │   ├── ClaimsMissing       no token
│   │   ├── ClaimsUnverified    signature, algorithm, key, issuer or token type
│   │   │   └── UnknownKey      nobody published this key (yet): key sets may be read again
│   │   ├── ClaimsExpired       time
│   │   ├── ClaimsMismatch      signed for another value, topic, audience or reply address
│   │   └── ClaimsForbidden     the issuer may not claim this tenant, permission, topic or reply topic
│   ├── UnknownModelType, EmptyText, TextTooLong, UnsupportedLanguage
│   ├── RowRefused              a result that the database doesn't take
│   ├── ReplyUndeliverable      the result exists, its reply address doesn't
│   └── Internal                our fault: the exception's class, never its text
├── Unavailable                 retriable, after `retry_after_s` seconds
│   ├── ModelUnavailable        this model can't be loaded just now; the others can
│   ├── Overloaded              queue full
│   ├── NoWorker                nobody serves this model type just now
│   ├── KafkaUnavailable, KeysUnavailable, RegistryUnavailable, DatabaseUnavailable
├── DeadlineExceeded            nobody waits for this answer any more
├── CallerError                 a caller of the bridge: 401, 403, 413, 422
│   ├── Unauthenticated, PermissionDenied, RequestTooLarge, InvalidRequest
└── OperatorError               a command can't go on; the message says what to do
    ├── ConfigurationError, TopicsDiffer, MissingTool, BrokerFailed
    ├── DatabaseOutdated, DatabaseRefused, DeadLetterMissing
    └── ModelsDamaged, ConversionRefused

The class carries code, retriability, HTTP status and both languages; no table elsewhere repeats them.
Details are values fit for a log line and an answer: never a text, a token or a secret. One that is words has
a Vietnamese twin (`reason`, `reason_vi`), at least wherever a publisher or a caller reads it.
"""

from __future__ import annotations

from collections.abc import Iterator

from .base import VeriAIDPOError
from .operator import (
    BrokerFailed,
    ConfigurationError,
    ConversionRefused,
    DatabaseOutdated,
    DatabaseRefused,
    DeadLetterMissing,
    MissingTool,
    ModelsDamaged,
    OperatorError,
    TopicsDiffer,
)
from .records import (
    BadHeaders,
    BadRecord,
    ClaimsExpired,
    ClaimsForbidden,
    ClaimsMismatch,
    ClaimsMissing,
    ClaimsRefused,
    ClaimsUnverified,
    EmptyText,
    Internal,
    InvalidId,
    NotAvro,
    RecordMismatch,
    ReplyUndeliverable,
    RowRefused,
    TextTooLong,
    TrailingBytes,
    TruncatedRecord,
    UnknownKey,
    UnknownModelType,
    UnknownSchema,
    UnsupportedLanguage,
)
from .service import (
    CallerError,
    DatabaseUnavailable,
    DeadlineExceeded,
    InvalidRequest,
    KafkaUnavailable,
    KeysUnavailable,
    ModelUnavailable,
    NoWorker,
    Overloaded,
    PermissionDenied,
    RegistryUnavailable,
    RequestTooLarge,
    Unauthenticated,
    Unavailable,
)

__all__ = [
    "BadHeaders",
    "BadRecord",
    "BrokerFailed",
    "CallerError",
    "ClaimsExpired",
    "ClaimsForbidden",
    "ClaimsMismatch",
    "ClaimsMissing",
    "ClaimsRefused",
    "ClaimsUnverified",
    "ConfigurationError",
    "ConversionRefused",
    "DatabaseOutdated",
    "DatabaseRefused",
    "DatabaseUnavailable",
    "DeadLetterMissing",
    "DeadlineExceeded",
    "EmptyText",
    "Internal",
    "InvalidId",
    "InvalidRequest",
    "KafkaUnavailable",
    "KeysUnavailable",
    "MissingTool",
    "ModelUnavailable",
    "ModelsDamaged",
    "NoWorker",
    "NotAvro",
    "OperatorError",
    "Overloaded",
    "PermissionDenied",
    "RecordMismatch",
    "RegistryUnavailable",
    "ReplyUndeliverable",
    "RequestTooLarge",
    "RowRefused",
    "TextTooLong",
    "TopicsDiffer",
    "TrailingBytes",
    "TruncatedRecord",
    "Unauthenticated",
    "Unavailable",
    "UnknownKey",
    "UnknownModelType",
    "UnknownSchema",
    "UnsupportedLanguage",
    "VeriAIDPOError",
    "error_of",
]


def error_of(
    code: str,
    *,
    text: str | None = None,
    text_vi: str | None = None,
    retriable: bool = False,
    **details: object,
) -> VeriAIDPOError:
    """The typed error behind a code that came over the wire.

    A failure carries its messages already filled in: `text` and `text_vi` keep them. A code that this
    version doesn't know yet becomes `Unavailable` or `Internal`, as `retriable` says.
    """
    known = _BY_CODE.get(code)
    if known is None:
        known = Unavailable if retriable else Internal
        details = {"reason": code, "exception": code, **details}
    error = known(**details)
    if text is not None:
        error._received = (text, text_vi or text)
    return error


def _descendants(kind: type[VeriAIDPOError]) -> Iterator[type[VeriAIDPOError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _descendants(child)


# A subclass that shares its parent's code (UnknownKey) is told apart inside a process only.
_BY_CODE: dict[str, type[VeriAIDPOError]] = {
    kind.code: kind for kind in reversed(list(_descendants(VeriAIDPOError)))
}
