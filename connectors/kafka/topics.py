"""Every topic of the service, declared: what it is made of, and why. Pure: `topic_admin` talks to Kafka."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from schemas.errors import ConfigurationError
from schemas.limits import DEAD_LETTER_HEADROOM_BYTES, MAX_REQUEST_BYTES
from schemas.taxonomy import MODEL_TYPES
from schemas.topics import (
    DEAD_LETTERS,
    MODEL_STATUS,
    REPLY_PREFIX,
    REQUEST_PREFIX,
    RESULTS,
    reply_topic,
    request_topic,
)

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS
LOG_APPEND_TIME: Final = "LogAppendTime"
BRIDGE: Final = "bridge"


class TopicSettings(BaseModel):
    """What an installation may choose about its topics; the rest is the service's own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    partitions: PositiveInt = Field(
        4, description="Of requests, results and dead letters: the most workers that share one model type."
    )
    reply_partitions: PositiveInt = Field(
        8, description="Of a reply topic: the most bridge instances that read one partition each, alone."
    )
    replication_factor: PositiveInt | None = Field(
        None, description="Unset: 3 from three brokers on, else 1."
    )
    min_insync_replicas: PositiveInt | None = Field(
        None, description="Unset: one less than the replication factor."
    )
    request_retention_days: PositiveInt = Field(30, description="How far back requests can be replayed.")
    dead_letter_retention_days: PositiveInt = Field(
        14, description="How long a dead letter waits for a redrive."
    )


@dataclass(frozen=True)
class TopicDeclaration:
    """A topic as it should be. `configs` are all that are checked; others are the cluster's business."""

    name: str
    partitions: int
    replication_factor: int
    configs: Mapping[str, str]


def declared_topics(
    settings: TopicSettings, *, brokers: int = 1, clients: Iterable[str] = (BRIDGE,)
) -> list[TopicDeclaration]:
    """Every topic, for a cluster of that many brokers, with a reply topic for each of `clients`."""
    requests = request_configs(settings)
    return [
        *(
            _topic(settings, brokers, request_topic(name), settings.partitions, requests)
            for name in MODEL_TYPES
        ),
        _topic(settings, brokers, RESULTS, settings.partitions, result_configs(settings)),
        _topic(settings, brokers, DEAD_LETTERS, settings.partitions, dead_letter_configs(settings)),
        _topic(settings, brokers, MODEL_STATUS, 1, status_configs()),
        *(reply_declaration(settings, client, brokers=brokers) for client in dict.fromkeys(clients)),
    ]


def remaining_until(settings: TopicSettings, now: datetime) -> list[tuple[str, datetime]]:
    """The topics that quote a tenant's texts, and when the last record that is there now is gone for sure.

    Kafka deletes whole segments: a record stays for the retention and for as long as its segment was open.
    """
    quoting = {
        f"{REQUEST_PREFIX}*": request_configs(settings),
        RESULTS: result_configs(settings),
        DEAD_LETTERS: dead_letter_configs(settings),
        f"{REPLY_PREFIX}*": reply_configs(),
    }
    return [
        (name, now + timedelta(milliseconds=int(configs["retention.ms"]) + int(configs["segment.ms"])))
        for name, configs in quoting.items()
    ]


def reply_declaration(settings: TopicSettings, client: str, *, brokers: int = 1) -> TopicDeclaration:
    """The reply topic of one client."""
    return _topic(settings, brokers, reply_topic(client), settings.reply_partitions, reply_configs())


def request_configs(settings: TopicSettings) -> dict[str, str]:
    """Requests stay for the replay horizon; claims are judged at the broker's append time."""
    return _kept(settings.request_retention_days * DAY_MS, MAX_REQUEST_BYTES)


def result_configs(settings: TopicSettings) -> dict[str, str]:
    """Results stay as long as their requests: a replay's report compares with them, and a sink that was down
    catches up from them. Not longer: they quote the text, and databases keep the results anyway."""
    return _kept(settings.request_retention_days * DAY_MS, _WITH_HEADROOM)


def dead_letter_configs(settings: TopicSettings) -> dict[str, str]:
    """A dead letter is the request's own bytes and headers plus provenance: larger by that headroom."""
    return _kept(settings.dead_letter_retention_days * DAY_MS, _WITH_HEADROOM)


def reply_configs() -> dict[str, str]:
    """Nobody waits for a reply for an hour, and what nobody waits for shouldn't stay."""
    return _kept(HOUR_MS, _WITH_HEADROOM)


def status_configs() -> dict[str, str]:
    """Heartbeats: the last one per worker and model counts, and that for seconds. A reader that starts reads
    the whole topic, so it is kept short; a tombstone outlives every heartbeat that it revokes."""
    configs = _kept(10 * MINUTE_MS, MAX_REQUEST_BYTES)
    return {**configs, "cleanup.policy": "compact,delete", "delete.retention.ms": str(HOUR_MS)}


_WITH_HEADROOM = MAX_REQUEST_BYTES + DEAD_LETTER_HEADROOM_BYTES


def _kept(retention_ms: int, max_message_bytes: int) -> dict[str, str]:
    """Kept for that long, counted from arrival: a publisher's clock can't shorten or lengthen it."""
    return {
        "cleanup.policy": "delete",
        "retention.ms": str(retention_ms),
        # Only whole segments are deleted: with Kafka's own week, a reply of an hour would stay for days.
        "segment.ms": str(min(DAY_MS, retention_ms // 2)),
        "message.timestamp.type": LOG_APPEND_TIME,
        "max.message.bytes": str(max_message_bytes),
        # A replica that missed confirmed records never becomes leader: confirmed stays confirmed.
        "unclean.leader.election.enable": "false",
    }


def _topic(
    settings: TopicSettings, brokers: int, name: str, partitions: int, configs: Mapping[str, str]
) -> TopicDeclaration:
    replicas = settings.replication_factor or (3 if brokers >= 3 else 1)
    # With acks=all a record is on two brokers before anybody counts on it, and one broker may be away.
    in_sync = settings.min_insync_replicas or max(1, replicas - 1)
    if in_sync > replicas:
        raise ConfigurationError(
            setting="VERIAIDPO_TOPICS__MIN_INSYNC_REPLICAS",
            reason=f"{in_sync} of {replicas} replicas can't be in sync: the cluster would take no record",
        )
    return TopicDeclaration(name, partitions, replicas, {**configs, "min.insync.replicas": str(in_sync)})
