"""Kafka's credentials as Faust takes them."""

from __future__ import annotations

from faust.auth import SASLCredentials, SSLCredentials
from faust.types.auth import CredentialsT

from connectors.kafka.settings import KafkaSettings


def faust_credentials(kafka: KafkaSettings) -> CredentialsT | None:
    """None for a plain-text cluster; else TLS, SASL or both."""
    context = kafka.ssl_context() if kafka.uses_tls else None
    if kafka.uses_sasl and kafka.sasl_password is not None:
        return SASLCredentials(
            username=kafka.sasl_username,
            password=kafka.sasl_password.get_secret_value(),
            mechanism=kafka.sasl_mechanism,
            ssl_context=context,
        )
    return SSLCredentials(context=context) if context is not None else None
