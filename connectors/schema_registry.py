"""A schema registry (Confluent's REST routes; Karapace and Apicurio speak them too) for the codec.

Subjects follow the record's name (RecordNameStrategy): eleven request topics share one schema.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from schemas.avro_schemas import NAMESPACE
from schemas.errors import ConfigurationError, MissingTool, RegistryUnavailable, UnknownSchema

if TYPE_CHECKING:
    from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

UNKNOWN_ID_TTL_S = 30.0
MAX_UNKNOWN_IDS = 10_000
_SCHEMA_NOT_FOUND = 40403
_SUBJECT_NOT_FOUND = 40401

T = TypeVar("T")


class RegistrySettings(BaseModel):
    """Where the registry is, and who we are to it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str | None = Field(None, description="Set: values carry Confluent framing.")
    username: str | None = Field(None, description="Of basic authentication.")
    password: SecretStr | None = Field(None, description="Of basic authentication; never printed.")
    ssl_cafile: str | None = Field(None, description="PEM; unset: the system's authorities.")
    timeout_s: float = Field(5.0, gt=0, le=60, description="How long an answer may take.")
    register_schemas: bool = Field(
        True, description="False: an operator's pipeline registers schemas, here they are only looked up."
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password go together")
        return self


class ConfluentRegistry:
    """The codec's SchemaRegistry. Every answer is kept: an id never comes to mean another schema.

    Made without asking anything; MissingTool or ConfigurationError where nothing could ever be asked.
    Calls block while they ask; `Codec.knows` and `Codec.register` say when they would.
    """

    def __init__(self, settings: RegistrySettings, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._client = _client(settings)
        self._ids: dict[str, int] = {}
        self._schemas: dict[int, str] = {}
        self._unknown_until: dict[int, float] = {}

    def id_for(self, name: str, schema_json: str) -> int:
        """The id of our own schema; RegistryUnavailable, or ConfigurationError where it isn't accepted."""
        found = self._ids.get(schema_json)
        if found is None:
            found = self._ids[schema_json] = self._ask(
                lambda client: self._register(client, f"{NAMESPACE}.{name}", schema_json),
                _refused_registration,
            )
        return found

    def schema_for(self, schema_id: int) -> str:
        """The schema of an id that a record names; RegistryUnavailable, or UnknownSchema where it is sure."""
        found = self._schemas.get(schema_id)
        if found is not None:
            return found
        unknown = UnknownSchema(
            fingerprint=f"{schema_id} of the schema registry",
            fingerprint_vi=f"{schema_id} của schema registry",
        )
        if self._unknown_until.get(schema_id, 0.0) > self._clock():
            raise unknown
        try:
            schema = self._ask(lambda client: client.get_schema(schema_id), _refused_lookup(unknown))
            if schema.schema_type not in (None, "AVRO") or schema.schema_str is None or schema.references:
                raise unknown
        except UnknownSchema:
            self._remember_unknown(schema_id)
            raise
        return self._schemas.setdefault(schema_id, schema.schema_str)

    def _register(self, client: SchemaRegistryClient, subject: str, schema_json: str) -> int:
        schema = _avro_schema(schema_json)
        if self._settings.register_schemas:
            return client.register_schema(subject, schema)
        schema_id = client.lookup_schema(subject, schema).schema_id
        if schema_id is None:
            raise ValueError("an answer without an id")
        return schema_id

    def _ask(
        self, question: Callable[[SchemaRegistryClient], T], refused: Callable[[int, int], Exception | None]
    ) -> T:
        """The registry's answer. What it says for sure is an error of its own; all else is worth a retry."""
        from confluent_kafka.schema_registry.error import SchemaRegistryError

        try:
            return question(self._client)
        except SchemaRegistryError as error:
            raise refused(error.http_status_code, error.error_code) or RegistryUnavailable(
                reason=f"it answers {error.http_status_code}",
                reason_vi=f"mã trả lời {error.http_status_code}",
            ) from error
        except Exception as error:  # the client passes on whatever its HTTP library raises
            raise RegistryUnavailable(
                reason=f"it can't be reached ({type(error).__name__})",
                reason_vi=f"không truy cập được ({type(error).__name__})",
            ) from error

    def _remember_unknown(self, schema_id: int) -> None:
        # Made-up ids must not become requests, nor memory.
        if len(self._unknown_until) >= MAX_UNKNOWN_IDS:
            self._unknown_until.clear()
        self._unknown_until[schema_id] = self._clock() + UNKNOWN_ID_TTL_S


def _client(settings: RegistrySettings) -> SchemaRegistryClient:
    try:
        from confluent_kafka.schema_registry import SchemaRegistryClient
    except ImportError as error:
        raise MissingTool(
            tool="the schema registry's client", install="pip install 'veriaidpo-streams[registry]'"
        ) from error
    options: dict[str, object] = {"url": settings.url, "timeout": settings.timeout_s, "max.retries": 0}
    if settings.username is not None and settings.password is not None:
        options["basic.auth.user.info"] = f"{settings.username}:{settings.password.get_secret_value()}"
    if settings.ssl_cafile is not None:
        options["ssl.ca.location"] = settings.ssl_cafile
    try:
        return SchemaRegistryClient(options)
    except (ValueError, TypeError) as error:
        raise ConfigurationError(
            setting="schema registry", reason="its url or credentials are wrong"
        ) from error


def _avro_schema(schema_json: str) -> Schema:
    from confluent_kafka.schema_registry import Schema

    return Schema(schema_json, "AVRO")


def _refused_registration(http_status: int, error_code: int) -> Exception | None:
    if http_status in (409, 422) or error_code in (_SCHEMA_NOT_FOUND, _SUBJECT_NOT_FOUND):
        return ConfigurationError(
            setting="schema registry",
            reason=f"it doesn't accept or hold our schema ({error_code}); register the files in schemas/avro",
        )
    return None


def _refused_lookup(unknown: UnknownSchema) -> Callable[[int, int], Exception | None]:
    # Only its own "schema not found" is sure: a proxy's 404 says nothing about schemas.
    return lambda _http_status, error_code: unknown if error_code == _SCHEMA_NOT_FOUND else None
