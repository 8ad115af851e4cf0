"""`veriaidpo bridge`: the REST routes over Kafka."""

from __future__ import annotations

import logging
from typing import Annotated

import typer
from pydantic import SecretStr

from api.app import create_app
from api.kafka_gateway import KafkaGateway
from api.server import run_server
from api.tokens import CallerTokens
from cli.keys import caller_secret, signing_key
from cli.settings import Settings, load_settings
from connectors.kafka.broker import cluster_of
from connectors.publishing.kafka_client import KafkaSecurity
from connectors.schema_registry import ConfluentRegistry, RegistrySettings
from schemas.codec import Codec


def bridge(
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65_535, help="The port; 0 takes a free one.")] = None,
) -> None:
    """Serve POST /classify and GET /health, synchronously, over Kafka."""
    settings = load_settings()
    logging.getLogger().setLevel(settings.log_level)
    kafka = cluster_of(settings.kafka, settings.home)
    tokens = CallerTokens(SecretStr(caller_secret(settings)), settings.jwt_algorithm)
    gateway = KafkaGateway(
        kafka.client_options()["bootstrap_servers"],
        signing_key(settings, "bridge"),
        instance_id=settings.bridge.instance_id,
        max_in_flight=settings.bridge.max_in_flight,
        worker_gone_after_s=settings.bridge.worker_gone_after_s,
        codec=_codec(settings),
        security=KafkaSecurity(**kafka.security_options()),
    )
    # aiokafka logs each failed connection, many a second while a broker is away; the gateway logs the change.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    run_server(
        create_app(gateway, tokens, settings.bridge, running=lambda: gateway),
        host=host or settings.bridge.host,
        port=settings.bridge.port if port is None else port,
        grace_s=settings.bridge.shutdown_grace_s,
    )


def _codec(settings: Settings) -> Codec:
    if settings.schema_registry_url is None:
        return Codec()
    return Codec(ConfluentRegistry(RegistrySettings(url=settings.schema_registry_url)))
