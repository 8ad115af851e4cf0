"""What a worker can be told; nothing here is heavy, because every role reads it with the other settings."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class DeliverySettings(BaseModel):
    """How records are batched, confirmed and given back: VERIAIDPO_WORKER__DELIVERY__… ."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch_records: int = Field(128, ge=1, le=1_000, description="The most records in a batch.")
    batches_in_child: int = Field(2, ge=1, le=4, description="Batches computed side by side.")
    work_in_flight_s: float = Field(5.0, gt=0, le=10, description="The most engine work under way at once.")
    queue_records: int = Field(256, ge=1, description="Records that wait for a batch, for each model type.")
    parked_records: int = Field(256, ge=1, description="Records, by type, that wait for a model or for keys.")
    drain_timeout_s: float = Field(12.0, gt=0, le=18, description="How long a rebalance waits for batches.")
    stall_timeout_s: float = Field(
        30.0, gt=0, description="Lag without progress for so long ends the process."
    )


class WorkerSettings(BaseModel):
    """Settings of `veriaidpo worker`: VERIAIDPO_WORKER__GRACE_PERIOD_S and so on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    worker_id: str | None = Field(
        None,
        min_length=1,
        max_length=128,
        pattern=r"^[A-Za-z0-9._-]+$",
        description="Names this worker in its heartbeats; unset: the host's name and the process id.",
    )
    data_dir: Path | None = Field(
        None, description="Faust's own files, nothing of worth; unset: below the home."
    )
    grace_period_s: float = Field(25.0, gt=0, description="After SIGTERM, how long batches may still take.")
    heartbeat_interval_s: float = Field(2.0, gt=0, le=4, description="8 s of silence count as gone.")
    threads: int | None = Field(None, ge=1, description="Of the inference child; unset: it chooses.")
    metrics_port: int | None = Field(
        None, ge=0, le=65_535, description="GET /metrics for Prometheus; unset: off, 0 takes a free port."
    )
    metrics_host: str = Field(
        "127.0.0.1", min_length=1, description="The address it listens on; 0.0.0.0 inside a container."
    )
    delivery: DeliverySettings = DeliverySettings()


class SinkSettings(BaseModel):
    """Settings of `veriaidpo sink`: VERIAIDPO_SINK__… ."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch_records: int = Field(2_000, ge=1, le=10_000, description="The most results in a transaction.")
    grace_period_s: float = Field(25.0, gt=0, description="After SIGTERM, how long a batch may still take.")
