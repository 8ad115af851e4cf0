"""The body of GET /model-status."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class LabelStatus(BaseModel):
    """One possible answer."""

    category_id: int
    label: str
    label_vi: str


class ServingWorker(BaseModel):
    """A worker that was heard of in the last seconds."""

    worker_id: str
    ready: bool = Field(description="It takes requests just now.")
    model_id: str
    version: str = Field(description="Digest of the weights, 'sha256:…'; empty while none is there.")


class Durations(BaseModel):
    """Of the last 1,000 answers, in milliseconds."""

    samples: int
    p50: float
    p99: float


class ModelTypeStatus(BaseModel):
    """One question, who answers it, and what this bridge has seen of it since it started."""

    model_type: str
    title: str
    title_vi: str
    labels: list[LabelStatus]
    loaded: bool = Field(description="Some worker has named the weights it answers with.")
    versions: list[str] = Field(description="Of those weights; more than one while workers are exchanged.")
    workers: list[ServingWorker]
    answered: int
    failed: int
    failed_by_code: dict[str, int]
    latency_ms: Durations | None = Field(None, description="From publishing to the answer. Unset: no answer.")
    infer_ms: Durations | None = Field(None, description="The model's share, for a request's batch.")


class ModelStatusResponse(BaseModel):
    """Every model type, in the order of the taxonomy. Counts are this bridge's own, of all tenants."""

    timestamp: str
    counted_since: str
    kafka: Literal["connecting", "up", "down"] = Field(description="While it isn't up, no worker is known.")
    model_types: list[ModelTypeStatus]
