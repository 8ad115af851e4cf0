"""What the bridge can be told; nothing here is heavy, because every role reads it with the other settings."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class BridgeSettings(BaseModel):
    """Settings of `veriaidpo bridge`: VERIAIDPO_BRIDGE__HOST and so on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", description="The address to listen on; 0.0.0.0 inside a container.")
    port: int = Field(8001, ge=0, le=65_535, description="0 takes a free port.")
    instance_id: str | None = Field(
        None,
        min_length=1,
        max_length=128,
        pattern=r"^[\x21-\x7e]+$",
        description="Chooses the reply partition; unset: the host's name and a random part.",
    )
    deadline_s: float = Field(30.0, gt=0, le=600, description="How long a caller waits before 504.")
    max_in_flight: int = Field(256, ge=1, description="Requests that wait at once; more get 503.")
    max_body_bytes: int = Field(
        262_144,
        ge=1_024,
        description="Larger bodies get 413. 20,000 characters, each escaped as \\uXXXX twice over, fit.",
    )
    requests_per_minute: int = Field(
        60_000, ge=1, description="Of one tenant; more get 429. All bridges together where REDIS_URL is set."
    )
    tokens_per_minute: int = Field(
        3_000_000, ge=1, description="Of one tenant's texts, estimated; more get 429. Shared in the same way."
    )
    worker_gone_after_s: float = Field(
        8.0, gt=0, description="A worker without a heartbeat for so long is gone."
    )
    shutdown_grace_s: float = Field(25.0, ge=0, description="After SIGTERM, how long open requests may take.")
