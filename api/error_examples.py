"""One example of every error that a route may answer with, made by the errors themselves."""

from __future__ import annotations

from collections.abc import Mapping

from api.caller_errors import (
    BatchTooLarge,
    HeaderContradictsToken,
    InvalidBody,
    MissingToken,
    RateLimited,
    UnsupportedMediaType,
)
from api.errors import error_detail
from schemas.errors import (
    DatabaseUnavailable,
    DeadlineExceeded,
    EmptyText,
    Internal,
    KafkaUnavailable,
    ModelUnavailable,
    NoWorker,
    Overloaded,
    PermissionDenied,
    RequestTooLarge,
    TextTooLong,
    Unauthenticated,
    UnknownModelType,
    VeriAIDPOError,
)
from schemas.limits import MAX_TEXT_CHARS
from schemas.taxonomy import MODEL_TYPES

REQUEST_ID = "7b1f6a52-3c0e-4d8e-9a55-0f6e2c9d1b34"

_ERRORS: Mapping[str, VeriAIDPOError] = {
    "unknown model type": UnknownModelType(model_type="horoscope", known=", ".join(MODEL_TYPES)),
    "blank text": EmptyText(),
    "no token": MissingToken(),
    "expired token": Unauthenticated(reason="the token has expired", reason_vi="token đã hết hạn"),
    "missing permission": PermissionDenied(
        required_permission="processing_activity.read",
        user_role="viewer",
        user_permissions=["analytics.read"],
    ),
    "contradicting header": HeaderContradictsToken(header="X-Tenant-ID"),
    "large body": RequestTooLarge(limit=262_144),
    "long text": TextTooLong(limit=MAX_TEXT_CHARS),
    "large batch": BatchTooLarge(limit=1_000),
    "not JSON": UnsupportedMediaType(),
    "missing field": InvalidBody(
        fields=[{"field": "text", "problem": "missing", "error": "is missing", "error_vi": "bị thiếu"}]
    ),
    "tenant's requests": RateLimited(
        limited_by="requests", limited_by_vi="số yêu cầu", limit=60_000, retry_after_s=1
    ),
    "our fault": Internal(exception="KeyError"),
    "no worker": NoWorker(model_type="principles"),
    "model not loaded": ModelUnavailable(
        model_type="principles", reason="it is being loaded", reason_vi="đang được tải"
    ),
    "too much at once": Overloaded(),
    "no Kafka": KafkaUnavailable(
        reason="no broker can be reached", reason_vi="không kết nối được broker nào"
    ),
    "no database": DatabaseUnavailable(reason="it can't be reached", reason_vi="không kết nối được"),
    "too late": DeadlineExceeded(),
}


def error_examples(status: int) -> dict[str, dict[str, object]]:
    """Every error with that status, in both languages, for the OpenAPI document."""
    return {
        name: {"summary": f"{error.code}: {name}", "value": {"detail": error_detail(error, REQUEST_ID)}}
        for name, error in _ERRORS.items()
        if error.http_status == status
    }
