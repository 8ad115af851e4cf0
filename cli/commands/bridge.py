"""`veriaidpo bridge`: the REST routes over Kafka."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import SecretStr

from api.app import create_app
from api.kafka_gateway import KafkaGateway
from api.server import run_server
from api.tokens import CallerTokens
from cli.begin import begin
from cli.codec import codec_of
from cli.keys import caller_secret, refuse_shared, signing_key
from cli.settings import Settings
from connectors.kafka.broker import cluster_of

if TYPE_CHECKING:
    from connectors.database.reader import ResultReader
    from connectors.redis_buckets import RedisBuckets


def bridge(
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65_535, help="The port; 0 takes a free one.")] = None,
) -> None:
    """Serve the REST routes, synchronously, over Kafka."""
    settings = begin()
    kafka = cluster_of(settings.kafka, settings.home)
    secret = caller_secret(settings)
    tokens = CallerTokens(SecretStr(secret), settings.jwt_algorithm)
    key = signing_key(settings, "bridge")
    refuse_shared(secret, key)
    gateway = KafkaGateway(
        kafka.client_options()["bootstrap_servers"],
        key,
        instance_id=settings.bridge.instance_id,
        max_in_flight=settings.bridge.max_in_flight,
        worker_gone_after_s=settings.bridge.worker_gone_after_s,
        codec=codec_of(settings),
        security=kafka.security_options(),
    )
    shared_limits = _shared_limits(settings)
    result_search = _result_search(settings)

    @asynccontextmanager
    async def running() -> AsyncIterator[None]:
        async with shared_limits or nullcontext(), result_search or nullcontext(), gateway:
            yield

    run_server(
        create_app(
            gateway,
            tokens,
            settings.bridge,
            shared_limits=shared_limits,
            result_search=result_search,
            running=running,
        ),
        host=host or settings.bridge.host,
        port=settings.bridge.port if port is None else port,
        grace_s=settings.bridge.shutdown_grace_s,
    )


def _shared_limits(settings: Settings) -> RedisBuckets | None:
    """None where no Redis is named: then this process counts for itself."""
    if settings.redis_url is None:
        return None
    from connectors.redis_buckets import RedisBuckets

    return RedisBuckets(settings.redis_url.get_secret_value())


def _result_search(settings: Settings) -> ResultReader | None:
    """None where no database is named: then nothing of one is imported."""
    if settings.database.url is None:
        return None
    from connectors.database.engine import Database, Role
    from connectors.database.reader import ResultReader

    database = Database(settings.database, settings.home, Role.READER)
    return ResultReader(database, production=settings.mode == "production")
