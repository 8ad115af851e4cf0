"""docs/operate.md shows every metric that there is, as it is, and its alerts ask for metrics that exist."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from streams.metrics.table import TABLE

PAGE = (Path(__file__).parents[2] / "docs" / "operate.md").read_text(encoding="utf-8")
ROWS = {
    name: (kind, tuple(re.findall(r"\w+", labels)), text)
    for name, kind, labels, text in re.findall(
        r"^\| `(veriaidpo_\w+)` \| (\w+) \| (.*?) \| (.*) \|$", PAGE, re.MULTILINE
    )
}
ALERTS = yaml.safe_load(re.findall(r"```yaml\n(groups:.*?)```", PAGE, re.DOTALL)[0])
LABELS_OF_PROMETHEUS = {"instance", "job"}


def test_page_has_the_tables_rows_and_no_other() -> None:
    assert {row.name: (row.kind, row.labels, row.help) for row in TABLE} == ROWS


def test_alerts_ask_for_metrics_and_labels_that_exist() -> None:
    rules = [rule for group in ALERTS["groups"] for rule in group["rules"]]
    assert len(rules) == 3
    labels_of = {row.name: set(row.labels) for row in TABLE}
    for rule in rules:
        named = re.findall(r"veriaidpo_\w+", rule["expr"])
        assert named
        assert set(named) <= set(labels_of), rule["alert"]
        known = set.union(LABELS_OF_PROMETHEUS, *(labels_of[name] for name in named))
        asked = re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"])
        asked += re.findall(r"(\w+)\s*=~?\s*\"", rule["expr"])
        asked += [label for group in re.findall(r"by \((.*?)\)", rule["expr"]) for label in group.split(", ")]
        assert set(asked) <= known, rule["alert"]
