"""Every setting of the service, read once from the environment.

`VERIAIDPO_…` with `__` between levels (`VERIAIDPO_KAFKA__SECURITY_PROTOCOL=SASL_SSL`), and the names that
the platform already uses: KAFKA_BOOTSTRAP_SERVERS, JWT_SECRET_KEY, JWT_ALGORITHM, DATABASE_URL, REDIS_URL. An
empty variable counts as one that isn't set. Each room declares what it needs; this module only composes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import reduce
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from api.settings import BridgeSettings
from connectors.database.settings import DatabaseSettings
from connectors.installation import DEFAULT_HOME
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topics import TopicSettings
from connectors.schema_registry import RegistrySettings
from schemas.errors import ConfigurationError
from streams.settings import SinkSettings, WorkerSettings

PREFIX = "VERIAIDPO_"
LEGACY_NAMES: Mapping[str, tuple[str, ...]] = {
    "KAFKA_BOOTSTRAP_SERVERS": ("kafka", "bootstrap_servers"),
    "JWT_SECRET_KEY": ("jwt_secret",),
    "JWT_ALGORITHM": ("jwt_algorithm",),
    "DATABASE_URL": ("database", "url"),
    "REDIS_URL": ("redis_url",),
}


class Settings(BaseSettings):
    """The whole service's settings; a role reads only its part."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", env_ignore_empty=True, frozen=True, extra="forbid"
    )

    mode: Literal["development", "production"] = "production"
    home: Path = Field(DEFAULT_HOME, description="Where the embedded broker and development keys are kept.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    kafka: KafkaSettings = KafkaSettings()
    topics: TopicSettings = TopicSettings()
    worker: WorkerSettings = WorkerSettings()
    bridge: BridgeSettings = BridgeSettings()
    sink: SinkSettings = SinkSettings()
    database: DatabaseSettings = DatabaseSettings()
    schema_registry: RegistrySettings = RegistrySettings()

    jwt_secret: SecretStr | None = Field(None, description="Verifies callers at the bridge; never in Kafka.")
    jwt_algorithm: Literal["HS256", "HS384", "HS512"] = "HS256"
    redis_url: SecretStr | None = Field(
        None, description="Set: bridges share tenants' limits there; also REDIS_URL. Never printed."
    )
    issuers_file: Path | None = Field(None, description="Who may sign events; see docs/operate.md.")
    bridge_key_file: Path | None = Field(None, description="The key with which the bridge signs events.")
    publisher_key_file: Path | None = Field(
        None, description="The key with which `veriaidpo publish` signs events."
    )
    operator_token: SecretStr | None = Field(
        None, description="Whose `veriaidpo dlq show --unmasked` it is; never printed."
    )
    models_dir: Path = Field(
        Path(__file__).parent.parent / "models" / "starter", description="A converted model set."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Our own names win over the legacy ones."""
        return init_settings, env_settings, _LegacyNames(settings_cls)


def load_settings() -> Settings:
    """Read the environment; raises `ConfigurationError` for a variable that is unknown or doesn't fit."""
    _refuse_unknown_names()
    try:
        return Settings()
    except ValidationError as error:
        # Input values stay out of the message: one of them may be a secret.
        first = error.errors(include_input=False, include_url=False)[0]
        name = PREFIX + "__".join(str(part) for part in first["loc"]).upper()
        raise ConfigurationError(setting=name, reason=first["msg"]) from None


def known_variables() -> frozenset[str]:
    """Every environment variable that `load_settings` understands."""
    return frozenset(_names(Settings, PREFIX)) | frozenset(LEGACY_NAMES)


def _refuse_unknown_names() -> None:
    known = known_variables()
    # Upper case only: pydantic would read other spellings too, of names that nobody checks.
    unknown = sorted(name for name in os.environ if name.upper().startswith(PREFIX) and name not in known)
    if unknown:
        raise ConfigurationError(
            setting=", ".join(unknown), reason="no such setting; see docs/operate.md for the names"
        )


def _names(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        nested = field.annotation
        if isinstance(nested, type) and issubclass(nested, BaseModel):
            yield from _names(nested, f"{prefix}{name.upper()}__")
        else:
            yield f"{prefix}{name.upper()}"


class _LegacyNames(PydanticBaseSettingsSource):
    """The platform's own variable names, as a source that ours overrule."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[object, str, bool]:
        raise NotImplementedError  # this source answers as a whole, in __call__

    def __call__(self) -> dict[str, object]:
        found: dict[str, object] = {}
        for variable, path in LEGACY_NAMES.items():
            if value := os.environ.get(variable):
                _put(found, path, value)
        return found


def _put(tree: dict[str, object], path: tuple[str, ...], value: str) -> None:
    *parents, leaf = path
    node = reduce(lambda at, name: at.setdefault(name, {}), parents, tree)  # type: ignore[arg-type, return-value]
    node[leaf] = value
