"""`veriaidpo worker` as its users start it, for tests of what stands before and behind it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topic_admin import create_declared_topics
from connectors.kafka.topics import TopicSettings
from connectors.publishing.keys import FIELDS
from tests.support.processes import run_veriaidpo
from tests.support.responder import CLASSIFY, SIGNING_KEY

READY_WITHIN_S = 90.0
STOPPED_WITHIN_S = 40.0


def write_key_file(path: Path) -> Path:
    """The file of the key that these tests sign with."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({name: getattr(SIGNING_KEY, name) for name in FIELDS}))
    return path


def write_issuers_file(path: Path) -> Path:
    """An issuer list that trusts it."""
    issuer = {
        "name": SIGNING_KEY.issuer,
        "keys": [{"kid": SIGNING_KEY.kid, "algorithm": SIGNING_KEY.algorithm, "secret": SIGNING_KEY.key}],
        "tenants": ["*"],
        "permissions": [CLASSIFY],
        "topics": ["veriaidpo.requests.*"],
        "reply_topics": ["veriaidpo.replies.*"],
    }
    path.write_text(json.dumps({"issuers": [issuer]}))
    return path


@asynccontextmanager
async def real_worker(
    bootstrap_servers: str, folder: Path, model_types: Sequence[str], *, clients: Sequence[str]
) -> AsyncIterator[None]:
    """A worker with the constant engine, ready when the block begins; topics are made first.

    Everything but the models' arithmetic is the worker's own: claims, codec, normaliser, child, delivery.
    """
    kafka = KafkaSettings(bootstrap_servers=bootstrap_servers)
    await create_declared_topics(kafka, TopicSettings(partitions=1), clients)
    settings = {
        "KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers,
        "VERIAIDPO_ISSUERS_FILE": str(write_issuers_file(folder / "issuers.json")),
    }
    command = ["worker", "--models", ",".join(model_types), "--engine", "constant"]
    async with run_veriaidpo(command, folder, env=settings) as process:
        await process.wait_for_line("ready", READY_WITHIN_S)
        yield
        process.terminate()
        assert await process.wait(STOPPED_WITHIN_S) == 0
