"""How settings become the options of aiokafka clients."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from pydantic import SecretStr, ValidationError

from connectors.kafka.settings import KafkaSettings
from schemas.errors import ConfigurationError
from tests.support.certificates import self_signed

SASL_SSL = KafkaSettings(
    bootstrap_servers="kafka-1.example:9093, kafka-2.example:9093",
    security_protocol="SASL_SSL",
    sasl_mechanism="SCRAM-SHA-512",
    sasl_username="worker",
    sasl_password=SecretStr("s3cret"),
)


def test_plain_settings_name_the_cluster_and_nothing_else() -> None:
    options = KafkaSettings(bootstrap_servers="localhost:9092").client_options()
    assert options == {"bootstrap_servers": "localhost:9092", "security_protocol": "PLAINTEXT"}


def test_tls_and_sasl_settings_give_a_context_and_the_credentials() -> None:
    options = SASL_SSL.client_options()
    context = options.pop("ssl_context")
    assert isinstance(context, ssl.SSLContext)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert options == {
        "bootstrap_servers": "kafka-1.example:9093,kafka-2.example:9093",
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "worker",
        "sasl_plain_password": "s3cret",
    }


@pytest.mark.parametrize("protocol", ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"])
async def test_every_kind_of_client_takes_the_options_of_every_protocol(protocol: str) -> None:
    settings = KafkaSettings.model_validate({**SASL_SSL.model_dump(), "security_protocol": protocol})
    AIOKafkaProducer(**settings.client_options())
    AIOKafkaConsumer(**settings.client_options())
    AIOKafkaAdminClient(**settings.client_options())


def test_a_client_certificate_and_an_own_authority_are_loaded(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path, address="127.0.0.1")
    settings = KafkaSettings(
        bootstrap_servers="127.0.0.1:9093",
        security_protocol="SSL",
        ssl_cafile=str(certificate),
        ssl_certfile=str(certificate),
        ssl_keyfile=str(key),
        ssl_check_hostname=False,
    )
    context = settings.ssl_context()
    assert len(context.get_ca_certs()) == 1
    assert not context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED


def test_certificates_that_cannot_be_read_are_a_configuration_error(tmp_path: Path) -> None:
    not_pem = tmp_path / "ca.pem"
    not_pem.write_text("not a certificate")
    for path in (tmp_path / "missing.pem", not_pem):
        with pytest.raises(ConfigurationError, match="certificates can't be read"):
            KafkaSettings(security_protocol="SSL", ssl_cafile=str(path)).ssl_context()


def test_sasl_without_a_user_or_password_is_refused() -> None:
    with pytest.raises(ValidationError, match="needs sasl_username and sasl_password"):
        KafkaSettings(security_protocol="SASL_SSL", sasl_username="worker")


def test_a_key_without_its_certificate_is_refused() -> None:
    with pytest.raises(ValidationError, match="ssl_keyfile needs ssl_certfile"):
        KafkaSettings(security_protocol="SSL", ssl_keyfile="key.pem")


def test_an_empty_address_is_none_and_client_options_say_what_to_set() -> None:
    settings = KafkaSettings(bootstrap_servers=" ,")
    assert settings.bootstrap_servers is None
    with pytest.raises(ConfigurationError, match="KAFKA_BOOTSTRAP_SERVERS"):
        settings.client_options()


def test_the_password_shows_in_no_printed_form() -> None:
    assert "s3cret" not in f"{SASL_SSL} {SASL_SSL!r} {SASL_SSL.model_dump_json()}"
