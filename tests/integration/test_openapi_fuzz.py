"""Generated requests against the bridge's own OpenAPI document; `make fuzz` sends many more."""

from __future__ import annotations

from pathlib import Path

from tests.support.fuzz import fuzz


async def test_no_generated_request_finds_the_document_wrong(tmp_path: Path) -> None:
    """Every check of schemathesis, at one of each two names of a route: both are the same function."""
    status, report = await fuzz(tmp_path, cases=2, timeout_s=170, paths="^/api/v1/")
    assert status == 0, report
    assert "Selected: 10/20" in report
