"""`veriaidpo db`, `tenant` and `results search` as an operator runs them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import EX_USAGE_OR_STATE, build
from connectors.database.migrate import newest
from schemas.errors import VeriAIDPOError
from schemas.events import ClassificationResult
from tests.support.databases import DAY_MS, REQUESTED_AT_MS, result, store
from tests.support.postgres import fresh_database


class Operator:
    """Runs the command on one database; gives what it printed, errors behind the rest."""

    def __init__(self, url: str | None, folder: Path) -> None:
        self.env = {
            "DATABASE_URL": url or "",
            "VERIAIDPO_HOME": str(folder / "home"),
            "VERIAIDPO_MODE": "development",  # the tests' superuser wouldn't do in production
            "COLUMNS": "200",
        }

    def __call__(self, *arguments: str, code: int = 0) -> str:
        ended = CliRunner().invoke(build(arguments), arguments, env=self.env)
        if isinstance(ended.exception, VeriAIDPOError):  # main() would report it so
            assert code == EX_USAGE_OR_STATE
            return ended.exception.text
        assert ended.exit_code == code, ended.output
        return ended.output

    def store(self, results: Sequence[ClassificationResult]) -> None:
        asyncio.run(store(self.env["DATABASE_URL"], results))


@pytest.fixture
def operator(database_url: str, tmp_path: Path) -> Operator:
    return Operator(database_url, tmp_path)


def test_tables_are_made_shown_and_dropped_only_when_it_is_said_twice(postgres: str, tmp_path: Path) -> None:
    operator = Operator(asyncio.run(fresh_database(postgres)), tmp_path)
    assert "no tables of ours" in operator("db", "current")
    assert "veriaidpo db upgrade" in operator("tenant", "policy", "t1", code=2)
    assert f"revision {newest()}" in operator("db", "upgrade")
    assert "--yes" in operator("db", "downgrade", "base", code=2)
    assert f"revision {newest()}" in operator("db", "current")
    assert "no tables of ours" in operator("db", "downgrade", "base", "--yes")


def test_results_are_found_page_by_page_for_people_and_for_programs(operator: Operator) -> None:
    results = [result(number, requested_at_ms=REQUESTED_AT_MS + number * DAY_MS) for number in range(5)]
    operator.store(results)

    shown = operator("results", "search", "--tenant", "t1", "--limit", "2")
    assert "Purpose limitation" in shown
    assert "2026-09" in shown
    cursor = shown.rpartition("--cursor ")[2].strip()
    page = operator(
        *("results", "search", "--tenant", "t1", "--limit", "2", "--cursor", cursor, "--format", "jsonl")
    )
    found = [json.loads(line) for line in page.splitlines() if line.startswith("{")]
    assert [one["request_id"] for one in found] == ["r-2", "r-1"]
    assert found[0]["prediction_vi"]

    everything = operator(
        *("results", "search", "--tenant", "t1", "--limit", "2", "--all", "--format", "jsonl"),
        *("--since", "2026-09-22", "--until", "2026-09-25T00:00:00Z"),
    )
    assert len(everything.splitlines()) == 3
    assert operator("results", "search", "--tenant", "t2", "--format", "jsonl") == ""
    assert "no model type" in operator("results", "search", "--tenant", "t1", "--model-type", "x", code=2)


def test_a_tenant_is_erased_when_it_is_said_twice_and_kafkas_part_is_told(operator: Operator) -> None:
    operator.store([result(1), result(2)])
    assert "texts=normalised" in operator("tenant", "policy", "t1")
    output = operator("tenant", "policy", "t1", "--texts", "none")
    assert "2 stored texts were removed" in output
    assert "texts=none" in output
    assert "(not kept)" in operator("results", "search", "--tenant", "t1")

    assert "2 results of t1 would be removed" in operator("tenant", "erase", "t1")
    output = operator("tenant", "erase", "t1", "--yes")
    assert "2 results of t1 were removed" in output
    for topic in (
        "veriaidpo.requests.*",
        "veriaidpo.results",
        "veriaidpo.dead-letters",
        "veriaidpo.replies.*",
    ):
        assert topic in output
    assert "were erased" in operator("tenant", "policy", "t1")


def test_retention_is_for_good_until_it_is_set(operator: Operator) -> None:
    assert "for good" in operator("db", "retention")
    assert "24 before it" in operator("db", "retention", "--months", "24")
    assert "24 before it" in operator("db", "retention")
    assert "for good" in operator("db", "retention", "--for-good")


def test_without_a_database_named_a_file_in_the_home_is_made_when_it_is_needed(tmp_path: Path) -> None:
    operator = Operator(None, tmp_path)
    assert operator("results", "search", "--tenant", "t1", "--format", "jsonl") == ""
    assert (tmp_path / "home" / "veriaidpo.db").is_file()
    assert f"revision {newest()}" in operator("db", "current")
