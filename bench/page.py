"""Write the figures of bench/results/ into docs/measured.md: python -m bench.page"""

from __future__ import annotations

import json
from pathlib import Path

from bench.figure import RESULTS

PAGE = Path(__file__).parents[1] / "docs" / "measured.md"
BEGIN = "<!-- figures: python -m bench.page -->\n"
END = "<!-- end of figures -->\n"


def table(folder: Path = RESULTS) -> str:
    """The rows as Markdown, by name."""
    rows = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("*.json"))]
    lines = ["| figure | value | target | holds | measured against | command |", "|---|---|---|---|---|---|"]
    lines += [
        f"| `{row['name']}` | {row['value']:g} {row['unit']} | {row['target']:g} "
        f"| {'yes' if row['holds'] else 'no'} | {row['peer']} | `{row['command']}` |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def with_figures(page: str, figures: str) -> str:
    """The page with the table between its markers replaced."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return before + BEGIN + figures + END + after


if __name__ == "__main__":
    PAGE.write_text(with_figures(PAGE.read_text(encoding="utf-8"), table()), encoding="utf-8")
