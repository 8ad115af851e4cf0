"""`veriaidpo bridge`: the REST routes over Kafka."""

from __future__ import annotations

from typing import Annotated

import typer
from pydantic import SecretStr

from api.app import create_app
from api.kafka_gateway import KafkaGateway
from api.server import run_server
from api.tokens import CallerTokens
from cli.begin import begin
from cli.codec import codec_of
from cli.keys import caller_secret, refuse_shared, signing_key
from connectors.kafka.broker import cluster_of


def bridge(
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65_535, help="The port; 0 takes a free one.")] = None,
) -> None:
    """Serve POST /classify and GET /health, synchronously, over Kafka."""
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
    run_server(
        create_app(gateway, tokens, settings.bridge, running=lambda: gateway),
        host=host or settings.bridge.host,
        port=settings.bridge.port if port is None else port,
        grace_s=settings.bridge.shutdown_grace_s,
    )
