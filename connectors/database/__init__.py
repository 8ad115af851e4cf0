"""Results and tenants' policies in Postgres, or in SQLite where no database is named."""
