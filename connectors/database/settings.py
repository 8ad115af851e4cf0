"""Where the database is, and as whom it is used; nothing heavy, because every role reads it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class DatabaseSettings(BaseModel):
    """VERIAIDPO_DATABASE__…; without a URL, a SQLite file in the home is meant."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: SecretStr | None = Field(
        None, description="Services' database; also DATABASE_URL. Unset: a SQLite file in the home."
    )
    owner_url: SecretStr | None = Field(
        None, description="The owner's, for `veriaidpo db` and `tenant`; unset: the same."
    )
    connect_timeout_s: float = Field(5.0, gt=0, description="How long a connection may take.")
    statement_timeout_s: float = Field(30.0, gt=0, description="How long a statement of a service may take.")

    @property
    def is_embedded(self) -> bool:
        """Whether it is our own SQLite file: nobody but us makes its tables."""
        return self.url is None
