"""`veriaidpo bridge`: the REST routes over Kafka."""

from __future__ import annotations

import logging
from typing import Annotated

import typer
from connectors.installation import development_installation
from pydantic import SecretStr

from api.app import create_app
from api.kafka_gateway import KafkaGateway
from api.server import run_server
from api.tokens import CallerTokens
from cli.settings import Settings, load_settings
from connectors.publishing.kafka_client import KafkaSecurity
from connectors.publishing.keys import read_signing_key
from schemas.claims import SigningKey
from schemas.errors import ConfigurationError


def bridge(
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65_535, help="The port; 0 takes a free one.")] = None,
) -> None:
    """Serve POST /classify and GET /health, synchronously, over Kafka."""
    settings = load_settings()
    tokens = CallerTokens(_jwt_secret(settings), settings.jwt_algorithm)
    gateway = KafkaGateway(
        settings.kafka.client_options()["bootstrap_servers"],
        _signing_key(settings),
        instance_id=settings.bridge.instance_id,
        max_in_flight=settings.bridge.max_in_flight,
        worker_gone_after_s=settings.bridge.worker_gone_after_s,
        security=KafkaSecurity(**settings.kafka.security_options()),
    )
    # aiokafka logs each failed connection, many a second while a broker is away; the gateway logs the change.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    run_server(
        create_app(gateway, tokens, settings.bridge, running=lambda: gateway),
        host=host or settings.bridge.host,
        port=settings.bridge.port if port is None else port,
        grace_s=settings.bridge.shutdown_grace_s,
    )


def _jwt_secret(settings: Settings) -> SecretStr:
    if settings.jwt_secret is not None:
        return settings.jwt_secret
    if settings.mode == "development":
        return SecretStr(development_installation(settings.home).jwt_secret)
    raise ConfigurationError(
        setting="JWT_SECRET_KEY",
        reason="it isn't set, and in production nothing stands in for it; it verifies callers' tokens",
    )


def _signing_key(settings: Settings) -> SigningKey:
    if settings.bridge_key_file is not None:
        return read_signing_key(settings.bridge_key_file)
    if settings.mode == "development":
        return read_signing_key(development_installation(settings.home).bridge_key)
    raise ConfigurationError(
        setting="VERIAIDPO_BRIDGE_KEY_FILE",
        reason="it isn't set, and in production nothing stands in for it; it signs the bridge's events",
    )
