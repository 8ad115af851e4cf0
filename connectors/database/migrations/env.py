"""How Alembic runs here: on the connection that `migrate.py` gives it, inside its transaction."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

connection = context.config.attributes["connection"]
assert isinstance(connection, Connection)  # noqa: S101 - run through `veriaidpo db`, not through alembic's command
context.configure(
    connection=connection,
    version_table_schema="veriaidpo" if connection.dialect.name == "postgresql" else None,
)
context.run_migrations()
