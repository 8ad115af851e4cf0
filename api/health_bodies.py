"""The bodies of the routes that say how things stand."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

Status = Literal["healthy", "degraded", "unhealthy"]


class CompanyRegistryHealth(BaseModel):
    """The companies whose names are hidden from the models."""

    status: Literal["healthy"]
    total_companies: int
    last_modified: str = Field(description="ISO 8601, UTC: of the list that this bridge was installed with.")


class NormalizerHealth(BaseModel):
    """Workers normalise: it is there as long as one of them is ready."""

    status: Literal["healthy", "unhealthy"]


class ModelLoaderHealth(BaseModel):
    """Workers load models: healthy where every model type that one of them is ready for has a model."""

    status: Status
    loaded: list[str] = Field(description="The model types whose weights some worker has named.")


class ModelTypesHealth(BaseModel):
    """Which questions can be asked just now."""

    available: list[str]
    implemented: list[str]
    planned: list[str]


class KafkaHealth(BaseModel):
    """The bridge's own connection."""

    status: Literal["healthy", "unhealthy"]
    state: Literal["connecting", "up", "down"]
    reason: str | None = None
    reason_vi: str | None = None


class WorkersHealth(BaseModel):
    """Workers that were heard of in the last seconds."""

    status: Status
    present: int
    ready_by_model_type: dict[str, int]


class RateLimitsHealth(BaseModel):
    """Where tenants' limits are counted; degraded: Redis is away, and every request passes."""

    status: Literal["healthy", "degraded"]
    counted_in: Literal["process", "redis"]
    failed_open: int = Field(description="Requests that passed uncounted since this bridge started.")


class DatabaseHealth(BaseModel):
    """Where GET /results looks, as of the last time that it did. It never changes the status."""

    state: Literal["not_configured", "unknown", "up", "down"]


class HealthComponents(BaseModel):
    """What the status is made of."""

    company_registry: CompanyRegistryHealth
    text_normalizer: NormalizerHealth
    model_loader: ModelLoaderHealth
    model_types: ModelTypesHealth
    kafka: KafkaHealth
    workers: WorkersHealth
    rate_limits: RateLimitsHealth
    database: DatabaseHealth


class HealthResponse(BaseModel):
    """healthy: every model type is served; degraded: some, or limits aren't counted; unhealthy (503): none
    is served, or Kafka is away."""

    status: Status
    service: str
    version: str
    timestamp: str
    components: HealthComponents


class LiveResponse(BaseModel):
    """The process runs and its event loop turns."""

    status: Literal["alive"]


class ReadyResponse(BaseModel):
    """ready: this bridge can be sent requests; not_ready (503): it has no connection to Kafka (yet)."""

    status: Literal["ready", "not_ready"]
    reason: str | None = None
    reason_vi: str | None = None
