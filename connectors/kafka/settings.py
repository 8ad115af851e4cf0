"""How to reach a Kafka cluster, and what to show it."""

from __future__ import annotations

from ssl import SSLContext
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, SecretStr, field_validator, model_validator

from connectors.publishing.security import KafkaSecurity
from schemas.errors import ConfigurationError

SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


class ClientOptions(KafkaSecurity, total=False):
    """Keyword arguments of every aiokafka client."""

    bootstrap_servers: str


class KafkaSettings(BaseModel):
    """A cluster's address and credentials; without an address, the embedded broker is meant."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bootstrap_servers: str | None = None
    security_protocol: SecurityProtocol = "PLAINTEXT"
    ssl_cafile: str | None = None
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None
    ssl_keyfile_password: SecretStr | None = None
    ssl_check_hostname: bool = True
    sasl_mechanism: SaslMechanism = "PLAIN"
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None

    @property
    def uses_tls(self) -> bool:
        return self.security_protocol in ("SSL", "SASL_SSL")

    @property
    def uses_sasl(self) -> bool:
        return self.security_protocol in ("SASL_PLAINTEXT", "SASL_SSL")

    def client_options(self) -> ClientOptions:
        """What an aiokafka client takes: `AIOKafkaProducer(**settings.client_options())`."""
        if self.bootstrap_servers is None:
            raise ConfigurationError(setting="KAFKA_BOOTSTRAP_SERVERS", reason="it names no cluster")
        return {"bootstrap_servers": self.bootstrap_servers, **self.security_options()}

    def security_options(self) -> KafkaSecurity:
        """The same, without the address."""
        options: KafkaSecurity = {"security_protocol": self.security_protocol}
        if self.uses_tls:
            options["ssl_context"] = self.ssl_context()
        if self.uses_sasl and self.sasl_username is not None and self.sasl_password is not None:
            options["sasl_mechanism"] = self.sasl_mechanism
            options["sasl_plain_username"] = self.sasl_username
            options["sasl_plain_password"] = self.sasl_password.get_secret_value()
        return options

    def ssl_context(self) -> SSLContext:
        """The system's authorities unless `ssl_cafile` names others; a client certificate if one is set."""
        from aiokafka.helpers import create_ssl_context  # commands that only read settings do without

        password = self.ssl_keyfile_password
        try:
            context = create_ssl_context(
                cafile=self.ssl_cafile,
                certfile=self.ssl_certfile,
                keyfile=self.ssl_keyfile,
                password=password.get_secret_value() if password is not None else None,
            )
        except OSError as error:  # ssl.SSLError is one: a missing file, a wrong password, not PEM
            raise ConfigurationError(
                setting="VERIAIDPO_KAFKA__SSL_…", reason=f"the certificates can't be read: {error}"
            ) from error
        assert isinstance(context, SSLContext)  # noqa: S101 - aiokafka has no types
        context.check_hostname = self.ssl_check_hostname
        return context

    @field_validator("bootstrap_servers")
    @classmethod
    def _tidy(cls, servers: str | None) -> str | None:
        """`a:9092, b:9092` as aiokafka and Kafka's own tools both read it; an empty value is none."""
        if servers is None:
            return None
        return ",".join(server.strip() for server in servers.split(",") if server.strip()) or None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.uses_sasl and (self.sasl_username is None or self.sasl_password is None):
            raise ValueError(f"{self.security_protocol} needs sasl_username and sasl_password")
        if self.ssl_keyfile is not None and self.ssl_certfile is None:
            raise ValueError("ssl_keyfile needs ssl_certfile")
        return self
