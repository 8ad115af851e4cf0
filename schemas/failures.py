"""From an error to the record that tells of it, and back."""

from __future__ import annotations

from .errors import VeriAIDPOError, error_of
from .events import ClassificationFailure


def failure_of(
    error: VeriAIDPOError, *, request_id: str, tenant_id: str, model_type: str, now_ms: int
) -> ClassificationFailure:
    """The failure to send for an error; ids as the verified token names them."""
    return ClassificationFailure(
        request_id=request_id,
        tenant_id=tenant_id,
        model_type=model_type,
        code=error.code,
        retriable=error.retriable,
        message=error.text,
        message_vi=error.text_vi,
        retry_after_s=error.retry_after_s,
        failed_at_ms=now_ms,
    )


def error_of_failure(failure: ClassificationFailure) -> VeriAIDPOError:
    """The typed error that a received failure tells of, its messages as they came."""
    details: dict[str, object] = {"model_type": failure.model_type, "request_id": failure.request_id}
    if failure.retry_after_s is not None:
        details["retry_after_s"] = failure.retry_after_s
    return error_of(
        failure.code,
        text=failure.message,
        text_vi=failure.message_vi,
        retriable=failure.retriable,
        **details,
    )
