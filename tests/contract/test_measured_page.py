"""docs/measured.md says what bench/results/ says, and no figure on it was typed by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.figure import RESULTS, Figure, write
from bench.page import PAGE, table, with_figures

ROW = {"name", "value", "unit", "target", "holds", "peer", "command"}


def test_page_holds_the_figures_of_the_results_folder() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert with_figures(page, table()) == page


@pytest.mark.parametrize(
    "name",
    [
        "end_to_end_share",
        "constant_model_rate",
        "bridge_over_engine_p50_ms",
        "bridge_over_engine_p99_ms",
        "idle_rss_bridge_mb",
        "idle_rss_worker_mb",
        "chaos_lost",
        "normaliser_company_precision",
        "normaliser_person_f1",
        "normaliser_rate",
    ],
)
def test_figure_is_a_row_whose_verdict_follows_from_its_value(name: str) -> None:
    row = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    assert set(row) == ROW
    higher = ("end_to_end_share", "constant_model_rate", "normaliser_")
    better = "higher" if name.startswith(higher) else "lower"
    reached = row["value"] >= row["target"] if better == "higher" else row["value"] <= row["target"]
    assert row["holds"] is reached


def test_figure_that_misses_its_target_does_not_hold(tmp_path: Path) -> None:
    figure = Figure("slow", 1.0, "records/s", 2.0, "higher", "none")
    assert not figure.holds
    write([figure], tmp_path)
    assert "| no |" in table(tmp_path)
