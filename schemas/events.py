"""The records on the topics, as values. Times are epoch milliseconds (Avro timestamp-millis)."""

from __future__ import annotations

from typing import TypeAlias

import msgspec


class ClassificationRequest(msgspec.Struct, frozen=True):
    """One text and the question asked about it."""

    request_id: str
    tenant_id: str
    model_type: str
    language: str
    text: str


class Score(msgspec.Struct, frozen=True):
    """What the model gives one label; a result's scores sum to 1."""

    category_id: int
    label: str
    score: float


class Timings(msgspec.Struct, frozen=True):
    """Where the time went, in milliseconds; `padding_share` is the share of the batch that was padding."""

    queue_ms: float
    tokenise_ms: float
    infer_ms: float
    total_ms: float
    batch_size: int
    padding_share: float


class ClassificationResult(msgspec.Struct, frozen=True):
    """The answer. `model_version` is the digest of the weights: data, not part of the result's identity."""

    result_id: str
    request_id: str
    tenant_id: str
    model_type: str
    language: str
    prediction: str
    category_id: int
    confidence: float
    scores: tuple[Score, ...]
    model_id: str
    model_version: str
    normalized_text: str
    detected_companies: tuple[str, ...]
    tokens: int
    truncated: bool
    timings: Timings
    requested_at_ms: int
    completed_at_ms: int


class ClassificationFailure(msgspec.Struct, frozen=True):
    """The typed answer where there is no result; `code` is one of schemas/errors/."""

    request_id: str
    tenant_id: str
    model_type: str
    code: str
    retriable: bool
    message: str
    message_vi: str
    retry_after_s: int | None
    failed_at_ms: int


class ModelStatus(msgspec.Struct, frozen=True):
    """A worker's heartbeat for one model type; `start_id` changes with every start of the worker."""

    worker_id: str
    start_id: str
    model_type: str
    ready: bool
    model_id: str
    model_version: str
    sent_at_ms: int


Event: TypeAlias = ClassificationRequest | ClassificationResult | ClassificationFailure | ModelStatus
