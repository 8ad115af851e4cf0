"""Results by month, tenants' policies, retention; on Postgres also the services' roles and their limits.

Revision ID: 0001
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SINK = "veriaidpo_sink"
READER = "veriaidpo_reader"
WRITING = 0x7665_7269_0002
"""Held shared by whoever writes results, alone by whoever takes results away."""
MAKING_A_MONTH = 0x7665_7269_0003


def upgrade() -> None:
    """Make everything."""
    postgres = op.get_bind().dialect.name == "postgresql"
    schema = "veriaidpo" if postgres else None
    _make_tables(schema)
    if postgres:
        for statement in (*_roles(), *_functions(), *_row_security(), *_grants()):
            op.execute(statement)


def downgrade() -> None:
    """Take everything away but the roles, which other databases of the cluster may use."""
    postgres = op.get_bind().dialect.name == "postgresql"
    schema = "veriaidpo" if postgres else None
    if postgres:
        op.execute("DROP FUNCTION veriaidpo.expire_results()")
        op.execute("DROP FUNCTION veriaidpo.make_results_month(date)")
    for table in ("results", "tenant_policies", "retention"):
        op.drop_table(table, schema=schema)
    if postgres:
        op.execute(f"REVOKE ALL ON veriaidpo.alembic_version FROM {SINK}, {READER}")
        op.execute(f"REVOKE USAGE ON SCHEMA veriaidpo FROM {SINK}, {READER}")


def _make_tables(schema: str | None) -> None:
    json = sa.JSON().with_variant(JSONB(), "postgresql")
    op.create_table(
        "results",
        sa.Column("result_id", sa.Uuid(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tenant_id", sa.String(128), nullable=False),
        sa.Column("request_id", sa.String(128), nullable=False),
        sa.Column("model_type", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("prediction", sa.Text(), nullable=False),
        sa.Column("category_id", sa.Integer(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("scores", json, nullable=False),
        sa.Column("model_id", sa.Text(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("normalized_text", sa.Text(), nullable=True),
        sa.Column("companies", sa.Integer(), nullable=False),
        sa.Column("tokens", sa.Integer(), nullable=False),
        sa.Column("truncated", sa.Boolean(), nullable=False),
        sa.Column("timings", json, nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stored_at", *_now(), nullable=False),
        sa.PrimaryKeyConstraint("result_id", "requested_at", name="results_pkey"),
        sa.CheckConstraint("confidence >= 0 AND confidence <= 1", name="results_confidence"),
        schema=schema,
        postgresql_partition_by="RANGE (requested_at)",
    )
    op.create_index("results_by_time", "results", ["tenant_id", "requested_at", "result_id"], schema=schema)
    op.create_index("results_by_request", "results", ["tenant_id", "request_id"], schema=schema)
    op.create_table(
        "tenant_policies",
        sa.Column("tenant_id", sa.String(128), nullable=False),
        sa.Column("texts", sa.String(16), nullable=False, server_default="normalised"),
        sa.Column("erased_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("changed_at", *_now(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name="tenant_policies_pkey"),
        sa.CheckConstraint("texts IN ('normalised', 'none')", name="tenant_policies_texts"),
        schema=schema,
    )
    op.create_table(
        "retention",
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("keep_months", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="retention_pkey"),
        sa.CheckConstraint("id = 1", name="retention_one_row"),
        sa.CheckConstraint("keep_months > 0", name="retention_months"),
        schema=schema,
    )


def _now() -> tuple[sa.types.TypeEngine[datetime], sa.DefaultClause]:
    return sa.DateTime(timezone=True), sa.DefaultClause(sa.func.current_timestamp())


def _roles() -> list[str]:
    return [
        f"""
        DO $$ BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
                CREATE ROLE {role} NOLOGIN;
            END IF;
        END $$
        """
        for role in (SINK, READER)
    ]


def _functions() -> list[str]:
    """What services need an owner for, and no more of it: neither can choose what is dropped."""
    return [
        f"""
        CREATE FUNCTION veriaidpo.make_results_month(month date) RETURNS void
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        DECLARE
            first date := date_trunc('month', month);
            name text := 'results_' || to_char(first, 'YYYY_MM');
        BEGIN
            IF first < DATE '2020-01-01' OR first > now() + interval '1 month' THEN
                RAISE check_violation USING MESSAGE = 'no request was appended in that month',
                    CONSTRAINT = 'results_month';
            END IF;
            PERFORM pg_advisory_xact_lock_shared({WRITING});
            IF to_regclass('veriaidpo.' || name) IS NOT NULL THEN
                RETURN;
            END IF;
            PERFORM pg_advisory_xact_lock({MAKING_A_MONTH});
            -- Asked of the table itself: to_regclass may remember that there was none.
            IF NOT EXISTS (SELECT FROM pg_class
                           WHERE relname = name AND relnamespace = 'veriaidpo'::regnamespace) THEN
                EXECUTE format('CREATE TABLE veriaidpo.%I PARTITION OF veriaidpo.results
                                FOR VALUES FROM (%L) TO (%L)',
                    name, first::timestamp AT TIME ZONE 'UTC',
                    (first + interval '1 month')::timestamp AT TIME ZONE 'UTC');
                -- Without a policy of its own: nobody reads past the parent's.
                EXECUTE format('ALTER TABLE veriaidpo.%I ENABLE ROW LEVEL SECURITY', name);
                EXECUTE format('ALTER TABLE veriaidpo.%I FORCE ROW LEVEL SECURITY', name);
            END IF;
        END $$
        """,  # noqa: S608 - numbers of ours
        f"""
        CREATE FUNCTION veriaidpo.expire_results() RETURNS integer
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        DECLARE
            oldest timestamp;
            expired text[];
            name text;
        BEGIN
            SELECT date_trunc('month', now() AT TIME ZONE 'UTC') - make_interval(months => keep_months)
                INTO oldest FROM veriaidpo.retention;
            SELECT array_agg(part.relname) INTO expired
                FROM pg_inherits JOIN pg_class part ON part.oid = inhrelid
                WHERE inhparent = 'veriaidpo.results'::regclass
                AND part.relname < 'results_' || to_char(oldest, 'YYYY_MM');
            IF expired IS NULL THEN
                RETURN 0;
            END IF;
            PERFORM pg_advisory_xact_lock({WRITING});
            FOREACH name IN ARRAY expired LOOP
                EXECUTE format('DROP TABLE IF EXISTS veriaidpo.%I', name);
            END LOOP;
            RETURN array_length(expired, 1);
        END $$
        """,  # noqa: S608 - a number of ours
    ]


def _row_security() -> list[str]:
    """FORCEd: the owner, too, sees only the tenant that it names."""
    own = "tenant_id = current_setting('veriaidpo.tenant', true)"
    statements = []
    for table in ("results", "tenant_policies"):
        statements += [
            f"ALTER TABLE veriaidpo.{table} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE veriaidpo.{table} FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY own_tenant ON veriaidpo.{table} USING ({own}) WITH CHECK ({own})",
        ]
    return [
        *statements,
        f"CREATE POLICY sink_writes ON veriaidpo.results FOR INSERT TO {SINK} WITH CHECK (true)",
        f"CREATE POLICY sink_reads ON veriaidpo.tenant_policies FOR SELECT TO {SINK} USING (true)",
    ]


def _grants() -> list[str]:
    """The sink can't read a result, the readers can't write one."""
    functions = "veriaidpo.make_results_month(date), veriaidpo.expire_results()"
    return [
        f"GRANT USAGE ON SCHEMA veriaidpo TO {SINK}, {READER}",
        f"GRANT SELECT ON veriaidpo.alembic_version TO {SINK}, {READER}",
        f"GRANT INSERT ON veriaidpo.results TO {SINK}",
        f"GRANT SELECT ON veriaidpo.tenant_policies TO {SINK}",
        f"GRANT SELECT ON veriaidpo.results TO {READER}",
        f"REVOKE EXECUTE ON FUNCTION {functions} FROM PUBLIC",
        f"GRANT EXECUTE ON FUNCTION {functions} TO {SINK}",
    ]
